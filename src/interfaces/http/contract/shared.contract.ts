/** Shapes that several resources have in common. */
import { choice, flag, nullable, object, open, text, type Schemas } from './schema.js';

export const SHARED_SCHEMAS: Schemas = {
  Actor: object(
    'Who did it. Of a user or a service `verified` says whether a credential proved it.',
    {
      type: choice('What kind of actor.', ['user', 'service', 'agent', 'system']),
      id: text('Whom.', 'ann'),
    },
    {
      name: text('The name, as the credential says it.', 'Ann Example'),
      issuer: text('Who vouches for the id.', 'https://login.example.com'),
      via: choice('By which kind of credential.', ['oidc', 'key']),
      verified: flag('Whether a credential proved it.'),
      claimed: object('Whom the request named beside its credential.', {
        type: choice('What kind of actor.', ['user', 'service']),
        id: text('Whom.', 'bob'),
      }),
    },
  ),
  Checkpoint: object('What was made so far, as the next agent is handed it.', {
    last_completed_step: nullable(text('The last step that was completed.', 'enrichment')),
    intermediate_results: open('The outputs of the completed steps, joined.', { enrichment: { facts: 12 } }),
  }),
};
