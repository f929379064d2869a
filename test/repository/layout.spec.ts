/** Compares the tree in CONTRIBUTING.md, "Layout", with the folders that exist. */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

const ROOTS = ['.ci', 'bench', 'definitions', 'docs', 'examples', 'findings', 'scripts', 'src', 'test'];

/** Each line is `name/   what it holds`, two spaces deeper than the folder it lies in. */
function foldersIn(tree: string): readonly string[] {
  const open: string[] = [];
  return tree.split('\n').flatMap((line) => {
    const [, indent = '', name] = /^( *)([\w.-]+)\/(?: |$)/.exec(line) ?? [];
    if (name === undefined) return [];
    open.length = indent.length / 2;
    open.push(name);
    return [open.join('/')];
  });
}

/** Folders that hold a file somewhere: git knows no others. */
function foldersOf(root: string): readonly string[] {
  const files = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const folders = new Set<string>([root]);
  for (const { parentPath } of files) {
    const path = parentPath.replaceAll('\\', '/');
    if (path.split('/').includes('node_modules')) continue;
    for (let folder = path; !folders.has(folder); folder = posix.dirname(folder)) folders.add(folder);
  }
  return [...folders];
}

const [, tree = ''] = /^## Layout$[^]*?^```$([^]*?)^```$/m.exec(readFileSync('CONTRIBUTING.md', 'utf8')) ?? [];
const named = foldersIn(tree);
const existing = ROOTS.flatMap(foldersOf);

/** `test/` mirrors `src/`. */
const mirrors = (folder: string) => /^test\/./.test(folder) && named.includes(posix.join('src', folder.slice(5)));

describe('the layout in CONTRIBUTING.md', () => {
  it('names every folder that exists', () => {
    const missing = existing.filter((folder) => !named.includes(folder) && !mirrors(folder));
    expect({ 'folders that the layout does not name': missing }).toEqual({
      'folders that the layout does not name': [],
    });
  });

  it('names no folder that does not exist', () => {
    const gone = named.filter((folder) => !existing.includes(folder));
    expect({ 'folders of the layout that do not exist': gone }).toEqual({
      'folders of the layout that do not exist': [],
    });
  });

  it('names each folder once', () => {
    expect(named).toEqual([...new Set(named)]);
  });
});
