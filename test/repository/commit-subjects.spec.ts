/** Holds every commit after BASE to the rules of CONTRIBUTING.md, "Commits". Older commits stay as they are. */
import { spawnSync } from 'node:child_process';

const BASE = 'f49b8d7fa8364d95c490b5592c769f56f78b6600';

const PREFIX = /^[a-z]+(\([\w-]+\))?: /;
/** Words that subjects begin with when they report instead of ordering. The list is short on purpose: it judges no other word. */
const REPORTS =
  /^(add|chang|clean|correct|creat|document|fix|implement|improv|introduc|mov|refactor|remov|renam|replac|test|updat)(ed|es|s|ing)$/i;

type Commit = Readonly<{ hash: string; parents: number; subject: string; committedAt: number }>;

/** Git refuses repositories of another user, such as a checkout that a build runner made, unless the command allows it. */
function git(...args: string[]) {
  const { error, status, stdout, stderr } = spawnSync('git', ['-c', 'safe.directory=*', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  return { ok: status === 0, stdout: stdout ?? '', stderr: error?.message ?? stderr };
}

/** A tarball has no history, and neither has a machine without git. Any other failure of git is a failure of the test. */
function hasHistory(): boolean {
  const { ok, stderr } = git('rev-parse', '--verify', 'HEAD');
  if (ok || /ENOENT|not a git repository|needed a single revision/i.test(stderr)) return ok;
  throw new Error(`expected git to read this repository's history; got: ${stderr}`);
}

function commitsOf(range: string): readonly Commit[] {
  const lines = git('log', '--format=%H%x09%P%x09%ct%x09%s', range).stdout.split('\n').filter(Boolean);
  return lines.map((line) => {
    const [hash = '', parents = '', committedAt = '', ...subject] = line.split('\t');
    return {
      hash,
      parents: parents.split(' ').filter(Boolean).length,
      subject: subject.join('\t'),
      committedAt: Number(committedAt),
    };
  });
}

/** When BASE was committed. A shallow clone may lack BASE and still have older commits of a merged branch. */
const BASE_COMMITTED_AT = 1_796_004_868;

function commitsSinceBase(): readonly Commit[] {
  if (!hasHistory()) return [];
  const hasBase = git('cat-file', '-e', `${BASE}^{commit}`).ok;
  return hasBase
    ? commitsOf(`${BASE}..HEAD`)
    : commitsOf('HEAD').filter(({ committedAt }) => committedAt > BASE_COMMITTED_AT);
}

/** A shallow clone hides the parents of its oldest commits from `git log`; the commit itself still names them. */
function isMerge({ hash, parents }: Commit): boolean {
  return parents > 1 || (git('cat-file', 'commit', hash).stdout.match(/^parent /gm) ?? []).length > 1;
}

function problemsOf(subject: string): readonly string[] {
  const order = subject.replace(PREFIX, '');
  const [first = ''] = order.split(/\W/);
  return [
    ...(subject.length > 72 ? [`has ${subject.length} characters, at most 72 are allowed`] : []),
    ...(order.endsWith('.') ? ['ends with a full stop'] : []),
    ...(order === subject && !/^\p{Lu}/u.test(subject) ? ['does not begin with a capital letter'] : []),
    ...(REPORTS.test(first) ? [`begins with "${first}": write what the commit orders, such as "Add"`] : []),
  ];
}

describe('the subject of a commit', () => {
  it('is short and imperative, in every commit since the rule', () => {
    const problems = commitsSinceBase()
      .filter((commit) => !(commit.subject.startsWith('Merge ') && isMerge(commit)))
      .flatMap(({ hash, subject }) =>
        problemsOf(subject).map((problem) => `${hash.slice(0, 9)} "${subject}" ${problem}`),
      );
    expect(problems).toEqual([]);
  });

  it.each([
    ['Retry a step only while attempts are left', []],
    ['docs: say where Location begins', []],
    ['Address each agent by its name', []],
    ['retry a step', ['does not begin with a capital letter']],
    ['Retry a step.', ['ends with a full stop']],
    ['Fixed the retry', [expect.stringContaining('"Fixed"')]],
    ['docs: adds a page', [expect.stringContaining('"adds"')]],
    [`Retry ${'x'.repeat(67)}`, [expect.stringContaining('73 characters')]],
  ])('is judged: %s', (subject, problems) => {
    expect(problemsOf(subject)).toEqual(problems);
  });
});
