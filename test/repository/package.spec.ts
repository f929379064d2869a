/** What the package ships stands on what it installs: its dependencies, and no development dependency. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';

type Described = Readonly<{
  bin: Record<string, string>;
  exports: Record<string, string | Readonly<{ types: string; default: string }>>;
  dependencies: Record<string, string>;
}>;
const described = JSON.parse(readFileSync('package.json', 'utf8')) as Described;

type Packed = Readonly<{ files: readonly Readonly<{ path: string }>[] }>;
const listed = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8' }),
) as readonly Packed[] | Record<string, Packed>;
const [packed] = Array.isArray(listed) ? (listed as readonly Packed[]) : Object.values(listed);
const files = packed!.files.map((file) => file.path);

/** Static and dynamic imports, and what is resolved by name. */
const IMPORTS = /(?:\bfrom|\bimport|\bimport\(|\brequire\(|\bresolve\()\s*['"]([\w@.:/-]+)['"]/g;
const importsOf = (file: string): readonly string[] =>
  [...withoutComments(readFileSync(file, 'utf8')).matchAll(IMPORTS)].map(([, name = '']) => name);
const withoutComments = (text: string): string => text.replace(/\/\*[^]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');

/** Of a name in a folder of a package; null for files and for what Node has itself. */
const packageOf = (name: string): string | null => {
  if (/^(\.|\/|node:|file:|data:|@\/)/.test(name) || builtinModules.includes(name)) return null;
  return name.split('/', name.startsWith('@') ? 2 : 1).join('/');
};

test('the tarball has the programs, the types, definitions and examples, and no source, test or secret', () => {
  const wanted = [
    ...Object.values(described.bin),
    ...Object.values(described.exports).flatMap((each) => (typeof each === 'string' ? [each] : Object.values(each))),
    ...['definitions/ib-generation.json', 'examples/metformin.json', '.env.example', 'LICENSE', 'README.md'],
    ...['dist/infrastructure/audit/pack/verify.mjs', 'docs/openapi.json'],
  ].map((file) => path.normalize(file));
  expect(wanted.filter((file) => !files.includes(file))).toEqual([]);
  const strange = files.filter(
    (file) =>
      !/^(dist|definitions|examples)\/|^(LICENSE|README\.md|package\.json|\.env\.example|docs\/openapi\.json)$/.test(
        file,
      ) || /\.map$|tsbuildinfo/.test(file),
  );
  expect(strange).toEqual([]);
});

test('the program of the command says by what it is run', () => {
  for (const file of Object.values(described.bin))
    expect(readFileSync(file, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true);
});

test('no file of the package imports what is not installed with it', () => {
  const names = files
    .filter((file) => /\.m?js$/.test(file))
    .flatMap((file) => importsOf(file).map((name) => ({ file, name: packageOf(name) })));
  expect(names.length).toBeGreaterThan(500);
  const missing = names.filter(
    ({ name }) => name !== null && !(name in described.dependencies) && name !== 'workflow-executor',
  );
  expect(missing).toEqual([]);
});

/** The declarations that a compiler reads for the exports, and the packages that they name. */
const declared = (): ReadonlyMap<string, string> => {
  const entries = Object.values(described.exports).flatMap((each) => (typeof each === 'string' ? [] : [each.types]));
  const [open, seen, names] = [[...entries], new Set<string>(), new Map<string, string>()];
  for (let file = open.pop(); file; file = open.pop()) {
    if (seen.has(file)) continue;
    seen.add(file);
    for (const name of importsOf(file)) {
      const found = packageOf(name);
      if (found !== null) names.set(found, file);
      else if (name.startsWith('.')) open.push(path.join(path.dirname(file), name.replace(/\.(m?)js$/, '.d.$1ts')));
    }
  }
  return names;
};

test('the types of the exports stand on packages that are installed and have types of their own', () => {
  const names = declared();
  expect(names.size).toBeGreaterThan(0);
  for (const [name, file] of names) {
    expect({ name, file, isInstalled: name in described.dependencies }).toEqual({ name, file, isInstalled: true });
    const { types, typings, exports } = JSON.parse(
      readFileSync(path.join('node_modules', name, 'package.json'), 'utf8'),
    ) as Record<string, unknown>;
    const has =
      !!types ||
      !!typings ||
      JSON.stringify(exports ?? '').includes('.d.') ||
      existsSync(path.join('node_modules', name, 'index.d.ts'));
    expect({ name, hasTypes: has }).toEqual({ name, hasTypes: true });
  }
});
