import { actorAnswer } from '../../../src/application/queries/shown-actor.js';

test('an actor of before was claimed; one that a credential proved says so; agents and the system are the installation', () => {
  expect(actorAnswer({ type: 'user', id: 'ann' })).toEqual({ type: 'user', id: 'ann', verified: false });
  const proven = { type: 'service', id: 'ci', issuer: 'keys', via: 'key', verified: true };
  expect(actorAnswer(proven)).toEqual(proven);
  expect(actorAnswer({ type: 'agent', id: 'writer' })).toEqual({ type: 'agent', id: 'writer' });
  expect(actorAnswer({ type: 'system', id: 'saga' })).toEqual({ type: 'system', id: 'saga' });
});
