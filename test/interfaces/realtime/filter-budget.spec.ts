import { FilterBudget, TooMuchWork } from '../../../src/interfaces/realtime/filter-budget.js';
import { compile } from '../../../src/interfaces/realtime/filters/compile.js';
import { like } from '../../../src/interfaces/realtime/filters/like.js';
import { posixPattern } from '../../../src/interfaces/realtime/filters/posix-pattern.js';
import { FilterRefused, readFilter } from '../../../src/interfaces/realtime/filters/read-filter.js';

const LIMITS = { filterSteps: 100, allFilterSteps: 150, filterWork: 1_000, allFilterWork: 1_500 };

describe('a budget', () => {
  let now: number;
  let ended: string[];
  let budget: FilterBudget<string>;
  beforeEach(() => {
    [now, ended] = [0, []];
    budget = new FilterBudget(
      LIMITS,
      () => now,
      (owner) => ended.push(owner),
    );
  });

  test('bounds the steps of each owner, and of all', () => {
    expect(budget.roomFor(30)).toBe(70);
    budget.hold(140);
    expect(budget.roomFor(30)).toBe(10);
    expect(budget.roomFor(130)).toBe(0);
    budget.hold(-140);
    expect(budget.roomFor(0)).toBe(100);
  });

  test('of an owner starts anew each second', () => {
    budget.spendFor('a')(1_000);
    expect(() => budget.spendFor('a')(1)).toThrow(TooMuchWork);
    now = 1_000;
    budget.spendFor('a')(1_000);
    expect(ended).toEqual([]);
  });

  test('of all ends the owner that has spent most, even if another one spends now', () => {
    budget.spendFor('a')(900);
    budget.spendFor('b')(500);
    budget.spendFor('c')(200);
    expect(ended).toEqual(['a']);
    budget.spendFor('c')(200);
    expect(() => budget.spendFor('b')(450)).not.toThrow();
    expect(() => budget.spendFor('b')(450)).toThrow(TooMuchWork);
  });
});

describe('what is spent', () => {
  const spentBy = (test: (spend: (steps: number) => void) => unknown): number => {
    let spent = 0;
    test((steps) => (spent += steps));
    return spent;
  };

  test('grows with the text and the pattern, and with nothing else', () => {
    const [text, twice] = ['a'.repeat(1_000), 'a'.repeat(2_000)];
    for (const matches of [posixPattern('(a|aa)+$x'), posixPattern('(a*)*b'), like('%a%b')]) {
      const once = spentBy((spend) => matches(text, spend));
      expect(once).toBeGreaterThanOrEqual(1_000);
      expect(spentBy((spend) => matches(twice, spend))).toBeLessThan(once * 2.5);
    }
  });

  test('on the way, so that a long match can be ended', () => {
    const ended = () =>
      posixPattern('(a*)*b')('a'.repeat(1_000_000), () => {
        throw new TooMuchWork('enough');
      });
    expect(ended).toThrow('enough');
  });

  test('a condition has steps of its own: those of its pattern, and the members of its list', () => {
    const columns = [{ name: 'state', type: 'text' }];
    const stepsOf = (filter: string) => compile(readFilter(filter)[0]!, columns).steps;
    expect(stepsOf('state=eq.x')).toBe(1);
    expect(stepsOf('state=in.(a,b,c)')).toBe(4);
    expect(stepsOf('state=like.ab%')).toBe(4);
    expect(stepsOf('state=match.(ab){10}')).toBe(21);
  });

  test('a pattern of LIKE may be as long as a regular expression', () => {
    expect(like('a'.repeat(1_000))('a'.repeat(1_000))).toBe(true);
    expect(() => like('a'.repeat(1_001))).toThrow(FilterRefused);
  });
});
