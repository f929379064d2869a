/**
 * The programs of `dist/` once more, in one file, for the tests that start them a hundred times over: half of such a start
 * goes into finding, reading and compiling two thousand files. The code is that of `dist/`; `start-bundled.mjs` runs it.
 */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [DIST, BUNDLE] = [path.join(ROOT, 'dist'), path.join(ROOT, '.dist-test')];
const HASH_FILE = '.source-hash';
/** Node runs such files by themselves: threads, and what is handed out as a file. */
const APART = /new URL\(\s*['"]([^'"]+\.m?js)['"],\s*import\.meta\.url,?\s*\)/g;
/** Nest's decorators want it before anything else. */
const FIRST = 'reflect-metadata';
/** pdfmake asks for the folder of its file. */
const PDFMAKE = /^pdfmake(\/|$)/;
/** Nest's packages import each other in circles, which do not hold where esbuild splits modules into several files. */
const NEST = /^@nestjs(\/|$)/;
/** What modules of agents import; and what awaits at its top, which a file of CommonJS cannot. */
const MODULES = ['index.js', 'infrastructure/embedded-eventstore/main.js'];
/** The file of all programs. */
const PROGRAMS = 'programs.cjs';

const hashOf = (directory) =>
  existsSync(path.join(directory, HASH_FILE)) ? readFileSync(path.join(directory, HASH_FILE), 'utf8') : undefined;

/** Makes `.dist-test/`, unless it is that of the present `dist/`. */
export async function bundle() {
  const hash = hashOf(DIST);
  if (hash === undefined || hashOf(BUNDLE) === hash) return;
  const draft = path.join(ROOT, `.dist-${process.pid}`);
  const { programs, modules, copies } = starts();
  await Promise.all([toOneFile(programs, draft), toModules(modules, draft)]);
  for (const file of programs) writeFileSync(placeFor(draft, file), starter(file));
  for (const file of copies) copyFileSync(path.join(DIST, file), placeFor(draft, file));
  writeFileSync(path.join(draft, HASH_FILE), hash);
  rmSync(BUNDLE, { recursive: true, force: true });
  renameSync(draft, BUNDLE);
}

function placeFor(directory, file) {
  const place = path.join(directory, file);
  mkdirSync(path.dirname(place), { recursive: true });
  return place;
}

/** What stands in the place of a program: it runs the program out of the file of all. */
const starter = (program) =>
  `import { start } from ${JSON.stringify(new URL('start-bundled.mjs', import.meta.url).href)};\n` +
  `start(${JSON.stringify(path.join(BUNDLE, PROGRAMS))}, ${JSON.stringify(program)});\n`;

const toOneFile = (programs, directory) => {
  const contents = programs.map((file) => `exports['${file}'] = () => require('./${file}');`).join('\n');
  return build({
    ...{ ...OPTIONS, format: 'cjs', plugins: [inPlace(namedByRun), outside(PDFMAKE)] },
    ...{ stdin: { contents, resolveDir: DIST }, outfile: path.join(directory, PROGRAMS) },
    supported: { 'dynamic-import': false },
    banner: { js: `'use strict'; require('${FIRST}');` },
  });
};

const toModules = (files, directory) =>
  build({
    ...{ ...OPTIONS, format: 'esm', splitting: true, plugins: [inPlace(), outside(PDFMAKE, NEST)] },
    ...{ entryPoints: files.map((file) => path.join(DIST, file)), outbase: DIST, outdir: directory },
    banner: {
      js: `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url); require('${FIRST}');`,
    },
  });

/** What `package.json` runs, and what Node runs apart from it. */
function starts() {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const programs = Object.values(scripts).flatMap((script) => /scripts\/run\.mjs (\S+)/.exec(script)?.[1] ?? []);
  const files = readdirSync(DIST, { recursive: true }).filter((file) => file.endsWith('.js'));
  const apart = files.flatMap((file) => {
    const text = readFileSync(path.join(DIST, file), 'utf8');
    return [...text.matchAll(APART)].map(([, name]) => path.join(path.dirname(file), name));
  });
  return {
    programs: programs.filter((file) => !MODULES.includes(file)),
    modules: [...MODULES, ...apart.filter((file) => file.endsWith('.js'))],
    copies: apart.filter((file) => file.endsWith('.mjs')),
  };
}

/** What only a run can name is imported by what `start-bundled.mjs` hands in: a script of `node:vm` cannot import by itself. */
const namedByRun = (text) => text.replace(/(?<=await |, )import\((?=[\w(])/g, 'importOutside(');

/** A module finds its neighbours from the place it would have, whatever file it has come to stand in. */
const inPlace = (change = (text) => text) => ({
  name: 'in place',
  setup({ onLoad }) {
    onLoad({ filter: /\.m?js$/ }, async ({ path: file }) => {
      const text = change(await readFile(file, 'utf8'));
      if (!text.includes('import.meta.url')) return { contents: text };
      const place = file.startsWith(DIST + path.sep) ? path.join(BUNDLE, path.relative(DIST, file)) : file;
      return { contents: text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(place).href)) };
    });
  },
});

/** Packages that stay where they are; those that are not installed too, which libraries ask for and do without. */
const outside = (...packages) => ({
  name: 'outside',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path: name, pluginData, ...from }) => {
      if (pluginData === outside) return undefined;
      if (name === FIRST || packages.some((one) => one.test(name))) return { path: name, external: true };
      const { importer, resolveDir, kind } = from;
      const found = await resolve(name, { importer, resolveDir, kind, pluginData: outside });
      return found.errors.length > 0 ? { path: name, external: true } : found;
    });
  },
});

const OPTIONS = { bundle: true, platform: 'node', target: 'node20', keepNames: true, logLevel: 'warning' };
