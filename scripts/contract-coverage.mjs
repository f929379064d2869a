/** `npm run docs:openapi:coverage`: which operations and statuses of docs/openapi.json the last run of the tests has seen. */
import { existsSync, readFileSync } from 'node:fs';
import { commandLine } from '../test/support/command-line.ts';

commandLine(
  'Usage: npm run docs:openapi:coverage\nSays what the last run of the tests has seen. It takes no arguments.',
  {},
);
const SEEN = 'node_modules/.cache/workflow-executor/contract-coverage.txt';
if (!existsSync(SEEN)) {
  console.error('No run of the tests has left its notes: run `npm test -- test/e2e` first.');
  process.exit(1);
}
const seen = new Set(readFileSync(SEEN, 'utf8').split('\n').filter(Boolean));
const { paths } = JSON.parse(readFileSync('docs/openapi.json', 'utf8'));
const operations = Object.values(paths).flatMap((verbs) => Object.values(verbs));
const statusesOf = ({ operationId, responses }) =>
  Object.keys(responses).map((status) => [status, seen.has(`${operationId} ${status}`)]);
for (const operation of operations) {
  const statuses = statusesOf(operation);
  const [met, not] = [true, false].map((is) => statuses.filter((each) => each[1] === is).map(([status]) => status));
  console.log(`${operation.operationId.padEnd(24)} seen ${met.join(' ') || 'none'}; not ${not.join(' ') || 'one'}`);
}
const all = operations.flatMap(statusesOf);
const covered = operations.filter((operation) => statusesOf(operation).some(([, isSeen]) => isSeen));
console.log(
  `${covered.length} of ${operations.length} operations, ${all.filter(([, isSeen]) => isSeen).length} of ${all.length} statuses; outside the document: 0, as that fails the test`,
);
