import { lineageOf } from '../../../src/application/audit/pack/lineage.js';
import type { RecordedEvent } from '../../../src/application/log/event-log.js';
import { hashOf } from '../../../src/application/log/hash.js';

const file = { name: 'a.pdf', sha256: 'a'.repeat(64), bytes: 3, contentType: 'application/pdf' };

const history = (
  inputHash?: string,
  agentMetadata: object = { v: 1 },
  output: object = { text: 'x' },
): RecordedEvent[] =>
  [
    { type: 'WorkflowStarted', data: { metadata: { colour: 'blue' } } },
    { type: 'StepStarted', data: { step: 'one', agent: 'writer', ...(inputHash && { inputHash }) } },
    {
      type: 'StepCompleted',
      data: {
        step: 'one',
        attempt: 1,
        generation: 1,
        output,
        artifacts: [file],
        agentMetadata,
      },
    },
  ].map((event, index) => ({ ...event, revision: BigInt(index) }) as unknown as RecordedEvent);

test('an attempt names the hash of what its agent was sent, as the event recorded it', () => {
  expect(lineageOf(history('b'.repeat(64)))).toMatchObject([
    { name: 'a.pdf', agent: 'writer', attempt: 1, agent_metadata: { v: 1 }, input_hash: 'b'.repeat(64) },
  ]);
});

test('of an event that does not tell it, it is worked out', () => {
  const worked = hashOf({ metadata: { colour: 'blue' }, inputs: {} });
  expect(lineageOf(history())).toMatchObject([{ input_hash: worked }]);
});

test.each([
  [{ version: '2.1.0', model: 'm' }, '2.1.0'],
  [{ version: 3 }, '3'],
  [{ version: { major: 1 } }, null],
  [{}, null],
])('what the agent says of itself, %j, names its version: %j', (agentMetadata, version) => {
  expect(lineageOf(history(undefined, agentMetadata))).toMatchObject([{ agent_version: version }]);
});

test('values that were moved out of an output are files; what an agent tells of files of its own is not', () => {
  const ref = { artifact: 'one/text', sha256: 'c'.repeat(64), bytes: 7, contentType: 'application/json' };
  const output = { text: ref, told: { ...ref, url: 'https://example.org/x' }, odd: { artifact: 'x', sha256: 'y' } };
  expect(lineageOf(history(undefined, {}, output)).map(({ name }) => name)).toEqual(['a.pdf', 'one/text']);
});
