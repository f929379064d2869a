/** `workflow pack` downloads an audit pack, `workflow verify` checks one offline by the program that stands in it. */
import { createWriteStream, existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { readCommandLine, UsageError } from '../../../composition/run-until-signal.js';
import { apiLine, COMMON_USAGE, oneId } from './api-verb.js';
import { EXIT } from './exit.js';

const PACK_USAGE = `Usage: workflow pack EXECUTION [OPTIONS]
Downloads the audit pack: the events with their hashes, proofs and signatures, the documents, and verify.mjs, which checks it.
  --out FILE       where it goes; else audit-pack-EXECUTION.zip. A file that is there already stays as it is
${COMMON_USAGE}`;

export const pack = async (args: readonly string[]): Promise<number> => {
  const line = apiLine(PACK_USAGE, { out: { type: 'string' } }, args);
  if (!line) return EXIT.done;
  const id = oneId(line.positionals, 'EXECUTION', PACK_USAGE);
  const file = path.resolve(line.values.out ?? `audit-pack-${id}.zip`);
  if (existsSync(file)) throw new UsageError(`Expected a new file as --out; ${file} is there already`);
  const answer = await line.client.open(`/api/v1/workflow/${id}/audit-pack`);
  const draft = `${file}.part`;
  try {
    await pipeline(answer, createWriteStream(draft));
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
  line.show({ file }, [file, `Check it: workflow verify ${path.relative(process.cwd(), file)}`]);
  return EXIT.done;
};

const VERIFY_USAGE = `Usage: workflow verify PACK [--key KEY]
Checks an audit pack, a ZIP or its unpacked folder, without a server or a network. For the log itself: workflow audit verify
  --key KEY        a key whose signatures count: its fingerprint, or a file with the public key. May be given again
Exit codes: 0 proven, 1 something is wrong, 2 not proven`;

const KEYS = { type: 'string', multiple: true } as const;
const VERIFIER = new URL('../../../infrastructure/audit/pack/verify.mjs', import.meta.url);

export const verify = async (args: readonly string[]): Promise<number> => {
  const options = { key: KEYS, 'key-id': KEYS };
  const line = readCommandLine(VERIFY_USAGE, { options, allowPositionals: true }, args);
  if (!line) return EXIT.done;
  if (line.positionals.length !== 1)
    throw new UsageError(`Expected one PACK, got ${line.positionals.length}\n\n${VERIFY_USAGE}`);
  process.argv = [process.argv[0]!, fileURLToPath(VERIFIER), ...args];
  await import(VERIFIER.href);
  // It runs to its end while it is imported, and says by this how it went.
  return Number(process.exitCode ?? EXIT.done);
};
