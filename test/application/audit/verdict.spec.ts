import { type Finding, signingPart, verdictOf, type Signing } from '../../../src/application/audit/finding.js';

const NOW = new Date('2030-01-01T00:00:00.000Z');
const before = (ms: number) => new Date(NOW.getTime() - ms);
const whole: Signing = {
  pins: new Set(['a'.repeat(64)]),
  firstKey: 'a'.repeat(64),
  missingKeys: [],
  proved: 9,
  unsigned: null,
  now: NOW,
  checkpointMs: 10_000,
};
const finding: Finding = {
  ...{ kind: 'edited-data', position: 3n, stream: 'workflow-a', revision: 1n },
  ...{ what: 'edited', checkpoint: null },
};
const verdict = (given: Partial<Signing>, findings: readonly Finding[] = []) =>
  verdictOf([{ findings, unproven: [] }, signingPart({ ...whole, ...given })]);

test('all of it signed with a pinned key is proven', () =>
  expect(verdict({})).toEqual({ outcome: 'proven', findings: [], unproven: [] }));

test.each<[string, Partial<Signing>, RegExp]>([
  ['no key is pinned', { pins: new Set() }, /No key is pinned. The key a{64} was taken on trust/],
  ['nothing is signed', { proved: 0, firstKey: null }, /Nothing is signed/],
  ['a public key was not found', { missingKeys: ['b'.repeat(64)] }, /public key b{64} was not found/],
  [
    'what is not signed is older than twice the interval',
    { unsigned: { events: 2, since: before(20_001) } },
    /The last 2 events are not signed, .* since 2029-12-31T23:59:39.999Z.* within 20000 ms/,
  ],
  [
    'what is not signed says that it is of the future',
    { unsigned: { events: 2, since: before(-20_001) } },
    /not signed/,
  ],
])('where %s, it is not proven', (_, given, said) => {
  const { outcome, unproven } = verdict(given);
  expect({ outcome, unproven }).toEqual({ outcome: 'not-proven', unproven: [expect.stringMatching(said)] });
});

test('what came within twice the interval need not be signed yet', () =>
  expect(verdict({ unsigned: { events: 2, since: before(20_000) } }).outcome).toBe('proven'));

test('what is wrong stays wrong, whatever could not be proven beside it', () => {
  expect(verdict({}, [finding])).toMatchObject({ outcome: 'wrong', findings: [finding] });
  expect(verdict({ pins: new Set(), proved: 0 }, [finding]).outcome).toBe('wrong');
});
