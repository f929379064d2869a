import fc from 'fast-check';
import { excessOf } from '../../src/domain/json-scan.js';

const bytes = (text: string) => Buffer.from(text);
const NO_BOUND = 1e9;

/** The same, counted in what the parser makes of it. */
const measured = (value: unknown): { depth: number; members: number } => {
  if (typeof value !== 'object' || value === null) return { depth: 0, members: 0 };
  const inner = Object.values(value).map(measured);
  return {
    depth: 1 + Math.max(0, ...inner.map(({ depth }) => depth)),
    members: inner.length + inner.reduce((sum, { members }) => sum + members, 0),
  };
};

test.each(['{}', '[]', '0', '"[,{"', ' [ ] ', '[[],[]]', '{"a":{"b":[1,2,{}]},"c":"\\",[\\\\"}', '"é😀,["'])(
  '%s holds as much as its value, to the member and to the level',
  (text) => {
    const { depth, members } = measured(JSON.parse(text));
    expect(excessOf(bytes(text), { depth, members })).toBeUndefined();
    if (members > 0) expect(excessOf(bytes(text), { depth: NO_BOUND, members: members - 1 })).toBe('members');
    if (depth > 0) expect(excessOf(bytes(text), { depth: depth - 1, members: NO_BOUND })).toBe('depth');
  },
);

test('any value, written with and without white space', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
      const text = bytes(JSON.stringify(value, null, indent));
      // Keys that are written twice are members of the text and not of the value; fast-check writes none.
      const { depth, members } = measured(value);
      expect(excessOf(text, { depth, members })).toBeUndefined();
      if (members > 0) expect(excessOf(text, { depth, members: members - 1 })).toBe('members');
      if (depth > 0) expect(excessOf(text, { depth: depth - 1, members })).toBe('depth');
    }),
  );
});

test('it ends at the first excess, and with a text that breaks off', () => {
  expect(excessOf(bytes('['.repeat(1_000_000)), { depth: 64, members: 100 })).toBe('depth');
  expect(excessOf(bytes(`[${'1,'.repeat(1_000_000)}`), { depth: 64, members: 100 })).toBe('members');
  expect(excessOf(bytes('{"a'), { depth: 1, members: 1 })).toBeUndefined();
  expect(excessOf(bytes('"a\\'), { depth: 1, members: 1 })).toBeUndefined();
});
