/**
 * Prints `N passed, N failed` from Jest's JSON results: `count-tests.mjs <file> <Jest's exit code>`.
 * Ends with Jest's exit code; with 1 where Jest left no results or ran no test.
 */
import { readFileSync } from 'node:fs';

const [file = '', exitCode = '1'] = process.argv.slice(2);
const text = readFileSync(file, 'utf8');
const results = text ? JSON.parse(text) : { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 0 };

if (!text) console.log('Jest left no results: it did not come to its end.');
if (results.numRuntimeErrorTestSuites > 0)
  console.log(`${results.numRuntimeErrorTestSuites} test files could not be run`);
console.log(`${results.numPassedTests} passed, ${results.numFailedTests} failed`);
process.exitCode = Number(exitCode) || (results.numPassedTests > 0 ? 0 : 1);
