/** `npm run audit -- verify [EXECUTION|--all]`: whether the stored history is what was recorded; and its keys. */
import type { AuditTools } from '../../composition/audit-tools.js';
import { calledAs, readCommandLine, runUntilSignal } from '../../composition/run-until-signal.js';
import type { Unhashed } from '../../application/audit/chain-walk.js';
import { MoveRefused } from '../../application/audit/move-log.js';
import type { SignedTreeHead } from '../../application/audit/signed-tree-head.js';
import type { ArtifactsVerified } from '../../application/audit/verify-artifacts.js';
import type { Finding, Verdict } from '../../application/audit/finding.js';
import { reasonOf } from '../../application/runtime/errors.js';

const AUDIT = calledAs('audit');
const USAGE = `Usage: ${AUDIT} verify EXECUTION   one execution's events, against the latest checkpoint
       ${AUDIT} verify --all       the whole log, against every checkpoint in the log and in the file outside
         --key KEY    a key whose signatures count: its fingerprint, or a file with the public key. May be given again.
                      Stands in the place of AUDIT_TRUSTED_KEYS
       ${AUDIT} key                the fingerprint of the key that signs here, to be pinned
       ${AUDIT} change-key         has the key that signs name its successor, and puts that into its place;
         --to FILE    the successor, where it is not to be made here. Needs the application stopped
         --by NAME --witness NAME [--reason TEXT]   the two persons who do it, as the log names them; needed but in mode local
       ${AUDIT} move               signs that the log was copied to the server of EVENTSTORE_URL, and has all that
                                           follows the log go on there. Needs the application stopped
       ${AUDIT} rebuild            takes the stored tree away: the application makes it again from the log
A verification ends with
  0  proven: everything is as a pinned key has signed it, but for what came within twice AUDIT_CHECKPOINT_MS
  1  WRONG: something is not what was recorded or signed
  2  not proven: no key is pinned, nothing is signed, what is not signed is older than that, or it could not be read`;

const EXIT = { proven: 0, wrong: 1, 'not-proven': 2 } as const;
const write = (line: string) => process.stdout.write(`${line}\n`);

const CANNOT = [
  'Not proved: what was recorded after the last checkpoint, beyond the hashes that the events carry themselves.',
  'Not proved: anything against the holder of the signing key who can write to the log and to the file outside; that an',
  'event was true when it was recorded; that the tail was not cut together with the checkpoints and the file outside.',
];

const OPTIONS = {
  all: { type: 'boolean' },
  key: { type: 'string', multiple: true },
  to: { type: 'string' },
  by: { type: 'string' },
  witness: { type: 'string' },
  reason: { type: 'string' },
} as const;
const COMMANDS = ['verify', 'key', 'change-key', 'move', 'rebuild'];

const main = async (): Promise<number> => {
  const line = readCommandLine(USAGE, { options: OPTIONS, allowPositionals: true });
  if (!line) return 0;
  const { values, positionals } = line;
  const [command = '', execution] = positionals;
  const isRight = COMMANDS.includes(command) && (command !== 'verify' || !!values.all !== !!execution);
  if (!isRight) {
    write(USAGE);
    return EXIT['not-proven'];
  }
  const { openForAudit } = await import('../../composition/audit-tools.js');
  const tools = await openForAudit(values.key ?? []);
  try {
    if (command === 'rebuild') return await rebuild(tools);
    if (command === 'move') return await move(tools);
    if (command === 'key') return await tellKey(tools);
    if (command === 'change-key') return await changeKey(tools, values.to, values);
    return report(execution === undefined ? await all(tools) : await one(tools, execution));
  } finally {
    await tools.close();
  }
};

const all = async (tools: AuditTools): Promise<Verdict> => {
  const { checkpoints, log, artifacts, verdict } = await tools.verifyAll();
  write(`${log.events} events in ${log.streams} streams; each compared with its own hash and the one before it.`);
  write(`${checkpoints.inLog} checkpoints in the log, ${checkpoints.inFile ?? 'no file'} in ${tools.file}.`);
  write(`${log.covered} events are exactly those that ${signerOf(tools)} has signed.`);
  tellMoves(checkpoints.trusted);
  tellArtifacts(artifacts);
  tellUnhashed(log.unhashed);
  if (checkpoints.repeated > 0)
    write(`NOTE: ${checkpoints.repeated} lines of the file stand there again, the same. They count once.`);
  if (checkpoints.inFile === null) write('There is no file outside: that no checkpoint was removed is not proved.');
  return verdict;
};

const one = async (tools: AuditTools, execution: string): Promise<Verdict> => {
  const { events, proved, checkpoint, moves, artifacts, unhashed, findings, verdict } =
    await tools.verifyExecution(execution);
  if (events === 0 && findings.length === 0) throw new Error(`There is no execution ${execution} in the log`);
  write(`${events} events; each compared with its own hash and the one before it.`);
  write(
    checkpoint
      ? `${proved} of them are proved to be under checkpoint ${checkpoint.number}, which ${signerOf(tools)} has signed.`
      : 'No checkpoint yet.',
  );
  tellMoves(moves);
  tellArtifacts(artifacts);
  tellUnhashed(unhashed);
  return verdict;
};

const tellMoves = (trusted: readonly SignedTreeHead[]): void => {
  for (const { move, number, at, tree_size: size, position } of trusted) {
    if (!move) continue;
    write(
      `Checkpoint ${number} of ${at} records a move of the log: ${size} events were recorded in another log, the last`,
    );
    write(
      `  at its position ${move.from}; it stands at ${position} since. Each counts with the place and time of its recording.`,
    );
  }
};

const signerOf = ({ isPinned }: AuditTools): string => (isPinned ? 'a pinned key' : 'a key that was taken on trust');

const tellKey = async (tools: AuditTools): Promise<number> => {
  write(await tools.signingKey());
  return 0;
};

type Persons = Readonly<{ by?: string | undefined; witness?: string | undefined; reason?: string | undefined }>;

const changeKey = async (
  tools: AuditTools,
  file: string | undefined,
  { by, witness, reason }: Persons,
): Promise<number> => {
  const { from, to, isNamed } = await tools.changeKey(file, { by, witness, reason });
  write(
    isNamed ? `${from} has named ${to} its successor.` : `Nothing was signed with ${from} yet: ${to} takes its place.`,
  );
  if (file !== undefined) write(`Set AUDIT_SIGNING_KEY=${file} now, on every instance, and start them again.`);
  write(isNamed ? 'A pin of the old key leads to the new one. You may pin the new one as well.' : `Pin it: ${to}`);
  return 0;
};

const tellArtifacts = ({ named, damaged, findings }: ArtifactsVerified): void => {
  write(`${named} artifacts are named by events; each was compared with its hash, ${damaged} are altered or missing.`);
  if (damaged > findings.length) write(`  Of these, the first ${findings.length} are listed below.`);
};

/** Not wrong by itself: earlier versions and other programs write such. The operator must not overlook it, though. */
const tellUnhashed = (unhashed: Unhashed | null): void => {
  if (!unhashed) return;
  const { position, stream, revision } = unhashed.first;
  write(`NOTE: ${unhashed.count} events carry no hash, so this application, as it is now, did not write them.`);
  write(`  The first: position ${position}, stream ${stream}, revision ${revision}.`);
};

const move = async (tools: AuditTools): Promise<number> => {
  try {
    const moved = await tools.moveLog();
    if (!moved) write('Nothing is moved: the log stands where it was signed.');
    else {
      const { events, from, to, checkpoint } = moved;
      write(`${events} events are those that were signed, in their order. Checkpoint ${checkpoint} records the move:`);
      write(`the last of them stood at position ${from}, and stands at ${to} here. Start the application now.`);
    }
    return 0;
  } catch (error) {
    if (!(error instanceof MoveRefused)) throw error;
    write(`REFUSED. ${error.message}. Nothing was signed or changed.`);
    if (error.findings.length > 0) tellFindings(error.findings);
    return EXIT.wrong;
  }
};

const rebuild = async (tools: AuditTools): Promise<number> => {
  await tools.clearTree();
  write('The stored tree is gone. The application makes it again from the log, when it is started.');
  return 0;
};

const report = ({ outcome, findings, unproven }: Verdict): number => {
  for (const line of CANNOT) write(line);
  write('');
  if (outcome === 'wrong') tellFindings(findings);
  else write(outcome === 'proven' ? 'Nothing is wrong.' : 'NOT PROVEN. Nothing was found to be wrong, but:');
  for (const line of unproven) write(`  ${line}.`);
  return EXIT[outcome];
};

const tellFindings = (findings: readonly Finding[]): void => {
  const [first] = findings;
  write(`WRONG. First bad position: ${first?.position ?? 'unknown'}`);
  for (const { kind, position, stream, revision, what, checkpoint } of findings) {
    write(`  ${kind}: position ${position ?? '?'}, stream ${stream || '?'}, revision ${revision ?? '?'}`);
    write(`    ${what}.${checkpoint === null ? '' : ` Proved by checkpoint ${checkpoint}.`}`);
  }
};

runUntilSignal(() =>
  main().catch((error: unknown) => {
    process.stderr.write(`${reasonOf(error)}\n`);
    return EXIT['not-proven'];
  }),
);
