/** Every relative link of the documentation leads to a file, and to a heading where it names one. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';

const pagesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((path) => path.endsWith('.md') && !path.includes('/node_modules/'));

const pages = ['README.md', 'CONTRIBUTING.md', ...['docs', 'bench', 'examples'].flatMap(pagesIn)];

const withoutFences = (text: string) => text.replace(/^```[^]*?^```$/gm, '');
const withoutCode = (text: string) => withoutFences(text).replace(/`[^`\n]*`/g, '');

/** Anchors as GitHub makes them: lower case, no punctuation, hyphens for spaces; headings of the same text are numbered. */
function anchorsOf(text: string): ReadonlySet<string> {
  const seen = new Map<string, number>();
  const headings = [...withoutFences(text).matchAll(/^#{1,6} +(.*?) *$/gm)].map(([, heading = '']) => heading);
  return new Set(
    headings.map((heading) => {
      const slug = heading
        .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-');
      const times = seen.get(slug) ?? 0;
      seen.set(slug, times + 1);
      return times === 0 ? slug : `${slug}-${times}`;
    }),
  );
}

/** Targets of `[text](target)`, except those with a scheme. */
const relativeLinks = (text: string) =>
  [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target));

/** Undefined if the link leads to a file and a heading. */
function problemOf(page: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : posix.join(posix.dirname(page), path);
  if (!existsSync(file)) return `${page}: (${target}) leads to no file`;
  if (anchor === undefined) return undefined;
  const isPage = statSync(file).isFile() && file.endsWith('.md');
  return isPage && anchorsOf(readFileSync(file, 'utf8')).has(anchor)
    ? undefined
    : `${page}: (${target}) leads to no heading of ${file}`;
}

/** Decision records keep the names of their time. */
const written = pages.filter((page) => !page.startsWith('docs/adr/'));
const tests = readdirSync('test', { recursive: true, encoding: 'utf8' }).map((name) =>
  `test/${name}`.replaceAll('\\', '/'),
);

/** `src/...` and `test/...`, and tests by the end of their path. */
const pathsIn = (page: string) =>
  [...withoutFences(readFileSync(page, 'utf8')).matchAll(/`((?:src|test)\/[\w./-]+|[\w./-]+\.spec\.ts)`/g)].map(
    ([, path = '']) => path,
  );

/** Undefined if the name leads to exactly one file or folder. */
function missing(page: string, path: string): string | undefined {
  const found = path.endsWith('.spec.ts') ? tests.filter((test) => `/${test}`.endsWith(`/${path}`)).length : 1;
  const isThere = found === 1 && (path.endsWith('.spec.ts') || existsSync(path));
  return isThere ? undefined : `${page}: \`${path}\` names ${found > 1 ? 'several tests' : 'nothing that exists'}`;
}

describe('the documentation', () => {
  it('has relative links that lead to files and headings', () => {
    const problems = pages.flatMap((page) =>
      relativeLinks(readFileSync(page, 'utf8')).flatMap((target) => problemOf(page, target) ?? []),
    );
    expect(problems).toEqual([]);
  });

  it('finds links that lead nowhere', () => {
    expect(problemOf('docs/api.md', 'history.md#as-it-was')).toBeUndefined();
    expect(problemOf('docs/api.md', '#answers')).toBeUndefined();
    expect(problemOf('docs/api.md', 'histories.md')).toBe('docs/api.md: (histories.md) leads to no file');
    expect(problemOf('docs/api.md', 'history.md#as-it-is')).toMatch('no heading of docs/history.md');
    expect(relativeLinks('[a](b.md#c), `[no](code.md)` and [web](https://example.com)')).toEqual(['b.md#c']);
    expect([...anchorsOf("## The application's own agents\n### Twice\n## Twice")]).toEqual([
      'the-applications-own-agents',
      'twice',
      'twice-1',
    ]);
  });

  it('names files and folders that exist', () => {
    expect(written.flatMap((page) => pathsIn(page).flatMap((path) => missing(page, path) ?? []))).toEqual([]);
    const findings = readdirSync('findings').map((name) => `findings/${name}`);
    const sources = (script: string) => readFileSync(script, 'utf8').match(/\bsrc\/[\w./-]+\.ts/g) ?? [];
    expect(findings.flatMap((script) => sources(script).flatMap((path) => missing(script, path) ?? []))).toEqual([]);
  });

  it('leads from the README to every page of docs/', () => {
    const linked = relativeLinks(readFileSync('README.md', 'utf8')).map((target) => target.replace(/#.*/, ''));
    expect(pagesIn('docs').filter((page) => !page.startsWith('docs/adr/') && !linked.includes(page))).toEqual([]);
  });
});
