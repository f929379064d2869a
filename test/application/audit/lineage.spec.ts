import { lineageOf } from '../../../src/application/audit/pack/lineage.js';
import type { RecordedEvent } from '../../../src/application/event-log.js';
import { hashOf } from '../../../src/application/hash.js';

const file = { name: 'a.pdf', sha256: 'a'.repeat(64), bytes: 3, contentType: 'application/pdf' };

const history = (inputHash?: string): RecordedEvent[] =>
  [
    { type: 'WorkflowStarted', data: { metadata: { colour: 'blue' } } },
    { type: 'StepStarted', data: { step: 'one', agent: 'writer', ...(inputHash && { inputHash }) } },
    {
      type: 'StepCompleted',
      data: {
        step: 'one',
        attempt: 1,
        generation: 1,
        output: { text: 'x' },
        artifacts: [file],
        agentMetadata: { v: 1 },
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
