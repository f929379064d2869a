/** `npm run audit -- verify [EXECUTION|--all]`: whether the stored history is what was recorded. */
import { parseArgs } from 'node:util';
import { openForAudit, type AuditTools } from '../../composition/audit-tools.js';
import { runUntilSignal } from '../../composition/run-until-signal.js';
import type { Unhashed } from '../../application/audit/chain-walk.js';
import type { ArtifactsVerified } from '../../application/audit/verify-artifacts.js';
import type { Finding } from '../../application/audit/finding.js';

const USAGE = `Usage: npm run audit -- verify EXECUTION   one execution's events, against the latest checkpoint
       npm run audit -- verify --all       the whole log, against every checkpoint in the log and in the file outside
       npm run audit -- rebuild            takes the stored tree away: the application makes it again from the log
Ends with 0 when nothing is wrong, with 1 when something is, with 2 when it could not be verified.`;

const [VERIFIED, TAMPERED, UNVERIFIED] = [0, 1, 2];
const write = (line: string) => process.stdout.write(`${line}\n`);

const CANNOT = [
  'Not proved: what was recorded after the last checkpoint, beyond the hashes that the events carry themselves.',
  'Not proved: anything against whoever has the signing key and can write to the log and to the file outside; that an',
  'event was true when it was recorded; that the tail was not cut together with the checkpoints and the file outside.',
];

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    options: { all: { type: 'boolean' }, help: { type: 'boolean' } },
    allowPositionals: true,
  });
  const [command, execution] = positionals;
  const isVerify = command === 'verify' && !!values.all !== !!execution;
  if (values.help || !(isVerify || command === 'rebuild')) {
    write(USAGE);
    return values.help ? VERIFIED : UNVERIFIED;
  }
  const tools = await openForAudit();
  try {
    if (command === 'rebuild') return await rebuild(tools);
    return report(execution === undefined ? await all(tools) : await one(tools, execution));
  } finally {
    await tools.close();
  }
};

const all = async (tools: AuditTools): Promise<readonly Finding[]> => {
  const { checkpoints, log, artifacts, findings } = await tools.verifyAll();
  write(`${log.events} events in ${log.streams} streams; each compared with its own hash and the one before it.`);
  write(`${checkpoints.inLog} checkpoints in the log, ${checkpoints.inFile ?? 'no file'} in ${tools.file}.`);
  write(`${log.covered} events are exactly those that a trusted key has signed.`);
  tellArtifacts(artifacts);
  tellUnhashed(log.unhashed);
  if (checkpoints.inFile === null) write('There is no file outside: that no checkpoint was removed is not proved.');
  return findings;
};

const one = async (tools: AuditTools, execution: string): Promise<readonly Finding[]> => {
  const { events, proved, checkpoint, artifacts, unhashed, findings } = await tools.verifyExecution(execution);
  if (events === 0 && findings.length === 0) throw new Error(`There is no execution ${execution} in the log`);
  write(`${events} events; each compared with its own hash and the one before it.`);
  write(
    checkpoint ? `${proved} of them are proved to be under checkpoint ${checkpoint.number}.` : 'No checkpoint yet.',
  );
  tellArtifacts(artifacts);
  tellUnhashed(unhashed);
  return findings;
};

const tellArtifacts = ({ named, damaged, findings }: ArtifactsVerified): void => {
  write(`${named} artifacts are named by events; each was compared with its hash, ${damaged} are altered or missing.`);
  if (damaged > findings.length) write(`  Of these, the first ${findings.length} are told below.`);
};

/** Not wrong by itself: earlier versions and other programs write such. But nobody is to overlook it. */
const tellUnhashed = (unhashed: Unhashed | null): void => {
  if (!unhashed) return;
  const { position, stream, revision } = unhashed.first;
  write(`NOTE: ${unhashed.count} events carry no hash, so this application, as it is now, did not write them.`);
  write(`  The first: position ${position}, stream ${stream}, revision ${revision}.`);
};

const rebuild = async (tools: AuditTools): Promise<number> => {
  await tools.clearTree();
  write('The stored tree is gone. The application makes it again from the log, when it is started.');
  return VERIFIED;
};

const report = (findings: readonly Finding[]): number => {
  for (const line of CANNOT) write(line);
  const [first] = findings;
  write('');
  if (!first) {
    write('Nothing is wrong.');
    return VERIFIED;
  }
  write(`WRONG. First bad position: ${first.position ?? 'unknown'}`);
  for (const { kind, position, stream, revision, what, checkpoint } of findings) {
    write(`  ${kind}: position ${position ?? '?'}, stream ${stream || '?'}, revision ${revision ?? '?'}`);
    write(`    ${what}.${checkpoint === null ? '' : ` Proved by checkpoint ${checkpoint}.`}`);
  }
  return TAMPERED;
};

runUntilSignal(() =>
  main().catch((error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return UNVERIFIED;
  }),
);
