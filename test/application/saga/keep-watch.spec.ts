import type { Answer, AnswerRef } from '../../../src/application/saga/answers.js';
import { KeepWatch } from '../../../src/application/saga/keep-watch.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';

const setUp = () => {
  const clock = new VirtualClock();
  const begun = clock.now().getTime();
  const late: string[] = [];
  const watch = new KeepWatch(clock, 1_000, ({ stepId }: AnswerRef) => {
    late.push(`${stepId} at ${clock.now().getTime() - begun}`);
  });
  const answer = (stepId: string) => ({ stepId, at: clock.now() }) as Answer;
  return { clock, late, watch, answer };
};

test('each answer that is still tried a second after it came is late, and no other', async () => {
  const { clock, late, watch, answer } = setUp();
  const [a, b, c] = [answer('a'), answer('b'), answer('c')];
  for (const each of [a, b, c]) watch.begin(each);
  watch.end(a);
  await clock.pass(600);
  const d = answer('d');
  watch.begin(d);
  watch.end(c);
  await clock.pass(399);
  expect(late).toEqual([]);
  await clock.pass(1);
  expect(late).toEqual(['b at 1000']);
  await clock.pass(10_000);
  expect(late).toEqual(['b at 1000', 'd at 1600']);
  watch.begin(answer('e'));
  await clock.pass(1_000);
  expect(late.at(-1)).toBe('e at 12000');
});
