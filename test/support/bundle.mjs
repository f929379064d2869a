/**
 * The programs of `dist/` once more, in a few files each, for the tests that start them a hundred times over: half of such a
 * start goes into finding and reading two thousand files. The code is that of `dist/`, in an order that esbuild chooses.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const [DIST, BUNDLE] = [path.join(ROOT, 'dist'), path.join(ROOT, '.dist-test')];
const HASH_FILE = '.source-hash';
/** Node runs such files by themselves: threads, and what is handed out as a file. */
const APART = /new URL\('(\.\/[\w-]+\.m?js)', import\.meta\.url\)/g;
/** Nest's decorators want it before anything else. */
const FIRST = 'reflect-metadata';
/**
 * What stays outside the bundle: Nest's packages import each other in circles, which hold in the order of their own files only,
 * and pdfmake asks for the folder of its file.
 */
const OUTSIDE = /^(@nestjs|pdfmake)(\/|$)/;

const hashOf = (directory) =>
  existsSync(path.join(directory, HASH_FILE)) ? readFileSync(path.join(directory, HASH_FILE), 'utf8') : undefined;

/** Makes `.dist-test/`, unless it is that of the present `dist/`. */
export async function bundle() {
  const hash = hashOf(DIST);
  if (hash === undefined || hashOf(BUNDLE) === hash) return;
  const draft = path.join(ROOT, `.dist-${process.pid}`);
  const { entryPoints, copies } = programs();
  await build({
    ...{ entryPoints, outbase: DIST, outdir: draft, logLevel: 'warning', plugins: [inPlace, installed] },
    ...{ bundle: true, splitting: true, format: 'esm', platform: 'node', target: 'node20', keepNames: true },
    external: [FIRST],
    banner: {
      js: `import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url); require('${FIRST}');`,
    },
  });
  for (const file of copies) copyFileSync(file, path.join(draft, path.relative(DIST, file)));
  writeFileSync(path.join(draft, HASH_FILE), hash);
  rmSync(BUNDLE, { recursive: true, force: true });
  renameSync(draft, BUNDLE);
}

/** What `package.json` runs, what packages import, and what runs apart from them. */
function programs() {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const run = Object.values(scripts).flatMap((script) => /scripts\/run\.mjs (\S+)/.exec(script)?.[1] ?? []);
  const files = readdirSync(DIST, { recursive: true }).filter((file) => file.endsWith('.js'));
  const apart = files.flatMap((file) => {
    const text = readFileSync(path.join(DIST, file), 'utf8');
    return [...text.matchAll(APART)].map(([, name]) => path.join(DIST, path.dirname(file), name));
  });
  return {
    entryPoints: [
      ...['index.js', ...run].map((file) => path.join(DIST, file)),
      ...apart.filter((file) => file.endsWith('.js')),
    ],
    copies: apart.filter((file) => file.endsWith('.mjs')),
  };
}

/** A module finds its neighbours from the place it would have, whatever file it has come to stand in. */
const inPlace = {
  name: 'in place',
  setup({ onLoad }) {
    onLoad({ filter: /\.js$/ }, async ({ path: file }) => {
      if (!file.startsWith(DIST + path.sep)) return undefined;
      const url = pathToFileURL(path.join(BUNDLE, path.relative(DIST, file))).href;
      return { contents: (await readFile(file, 'utf8')).replaceAll('import.meta.url', JSON.stringify(url)) };
    });
  },
};

/** Libraries ask for some that are not installed, and do without. */
const installed = {
  name: 'installed',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /^[^./]/ }, async ({ path: name, pluginData, ...from }) => {
      if (pluginData === installed || name === FIRST) return undefined;
      if (OUTSIDE.test(name)) return { path: name, external: true };
      const { importer, resolveDir, kind } = from;
      const found = await resolve(name, { importer, resolveDir, kind, pluginData: installed });
      return found.errors.length > 0 ? { path: name, external: true } : found;
    });
  },
};
