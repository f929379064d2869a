/**
 * Runs a program that `bundle.mjs` has put into one file, with the code that V8 compiled when the program ran before. From
 * version 22 on Node can do this by itself.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';

const PARAMETERS = 'exports, require, module, __filename, __dirname, importOutside';
/** Where V8's code says under which flags it was made. */
const FLAGS = [12, 16];

/**
 * @param file of CommonJS, absolute; it exports what starts each program
 * @param program its name there
 */
export function start(file, program) {
  const kept = path.join(path.dirname(file), `${program}.code`);
  const cachedData = codeIn(kept);
  const script = new vm.Script(`(function (${PARAMETERS}) {${readFileSync(file, 'utf8')}\n})`, {
    filename: file,
    cachedData,
  });
  if (!cachedData) keepAtTheEnd(script, kept);
  const module = { exports: {} };
  const importOutside = (name) => import(name);
  const run = script.runInThisContext();
  run(module.exports, createRequire(file), module, file, path.dirname(file), importOutside);
  module.exports[program]();
}

function codeIn(kept) {
  try {
    return readFileSync(kept);
  } catch {
    return undefined;
  }
}

/**
 * V8 compiles a function when it first runs, so the end has most of them. A server changes flags as it runs, none of them
 * about code: the code is kept as if made under those of the start, else V8 would refuse it at the next.
 */
function keepAtTheEnd(script, kept) {
  const flags = new vm.Script('').createCachedData().subarray(...FLAGS);
  process.once('exit', () => {
    const code = script.createCachedData();
    code.set(flags, FLAGS[0]);
    const draft = `${kept}.${process.pid}`;
    writeFileSync(draft, code);
    renameSync(draft, kept);
  });
}
