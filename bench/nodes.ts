/** The Nodes that start the programs under test; the bench itself may run on another. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

export type TestedNode = Readonly<{
  path: string;
  /** As Node says it: `v24.1.0`. */
  version: string;
}>;

type Version = readonly [major: number, minor: number, patch: number];

const OWN: TestedNode = { path: process.execPath, version: process.version };

/** @param paths none: the Node that runs the bench. @throws Error in one sentence where one is no Node, or too old */
export const testedNodes = (paths: readonly string[]): readonly TestedNode[] =>
  paths.length === 0 ? [OWN] : [...new Set(paths)].map(nodeAt);

const nodeAt = (path: string): TestedNode => {
  const { stdout, error } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  const least = leastVersion();
  const expected = `Expected --node to be the path of a Node of version ${least.join('.')} or later, got '${path}'`;
  if (error) throw new Error(`${expected}, which cannot be run: ${error.message}`);
  const version = stdout.trim();
  const found = versionOf(version, /^v(\d+)\.(\d+)\.(\d+)$/);
  if (!found) throw new Error(`${expected}, which does not print a version of Node`);
  if (isOlder(found, least)) throw new Error(`${expected}, which is ${version}`);
  return { path, version };
};

/** What package.json says. */
const leastVersion = (): Version => {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { engines } = JSON.parse(text) as { engines: Readonly<{ node: string }> };
  const found = versionOf(engines.node, /^>=(\d+)\.(\d+)\.(\d+)$/);
  if (!found) throw new Error(`package.json: expected engines.node to be ">=MAJOR.MINOR.PATCH", got "${engines.node}"`);
  return found;
};

const versionOf = (text: string, form: RegExp): Version | undefined => {
  const [, major, minor, patch] = form.exec(text) ?? [];
  return major ? [Number(major), Number(minor), Number(patch)] : undefined;
};

const isOlder = (version: Version, least: Version): boolean => {
  const at = version.findIndex((part, index) => part !== least[index]);
  return at >= 0 && version[at]! < least[at]!;
};
