/** `workflow doctor`: whether the application could run here, and what to do where it could not. */
import { calledAs, readCommandLine, runUntilSignal } from '../../../composition/run-until-signal.js';
import { painter } from '../terminal.js';

const USAGE = `Usage: ${calledAs('doctor')} [--json]
Checks the settings of the environment and .env, the files that they name, the data folder, the port, the database, the event log,
clocks and versions. It starts nothing and changes nothing. Each line says ok, warn or fail, and what to do.
  --json           one JSON document: {"ok": true, "findings": [{"check", "status", "message"}]}
Exit codes: 0 nothing fails, 1 something fails, 2 wrong usage`;

const COLOURS = { ok: 'green', warn: 'yellow', fail: 'red' } as const;
const CHECK_WIDTH = 9;

const main = async (): Promise<number> => {
  const line = readCommandLine(USAGE, { options: { json: { type: 'boolean' } } });
  if (!line) return 0;
  const { examine } = await import('../../../composition/doctor.js');
  const findings = await examine();
  const isOk = findings.every(({ status }) => status !== 'fail');
  const paint = painter(process.stdout, process.env);
  const lines = line.values.json
    ? [JSON.stringify({ ok: isOk, findings })]
    : findings.map(
        ({ check, status, message }) =>
          `${paint(COLOURS[status], status.padEnd(4))} ${check.padEnd(CHECK_WIDTH)} ${message}`,
      );
  for (const each of lines) process.stdout.write(`${each}\n`);
  return isOk ? 0 : 1;
};

runUntilSignal(main);
