/** `--import` this file to run the TypeScript sources with the edits in SIM_MUTANT: `[{ file, search, replace }]`. */
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { compile } from '../support/typescript.mjs';

if (isMainThread) register(import.meta.url);

const edits = JSON.parse(process.env['SIM_MUTANT'] ?? '[]');

export async function load(url, context, next) {
  const mine = edits.filter(({ file }) => url.endsWith(`/${file}`));
  if (mine.length === 0) return next(url, context);
  let text = await readFile(fileURLToPath(url), 'utf8');
  for (const { file, search, replace } of mine) {
    const found = text.split(search).length - 1;
    if (found !== 1) throw new Error(`${file}: expected this text once, found it ${found} times: ${search}`);
    text = text.replace(search, () => replace);
  }
  return compile(url, text);
}
