/** Shapes that several resources have in common. */
import { choice, flag, list, nullable, object, open, text, type Schema, type Schemas } from './schema.js';

/** Of a grant, and of who may see a subscription. */
export const PROJECTS: Schema = {
  description: 'Where it counts: `all`, or ids of projects and beginnings of ids with `*` at the end.',
  oneOf: [{ const: 'all' }, { type: 'array', items: { type: 'string' } }],
  examples: [['metformin']],
};

/** What an agent gives for a step that is done, at once or by a task token. */
export const MADE = {
  data: open('What was made.', { sections: 7 }),
  optional: {
    metadata: open('What the agent says of its work.', { model: 'none' }),
    artifacts: list(
      'Files.',
      object('A file.', {
        name: text('Its name.', 'brochure.pdf'),
        content_type: text('Its media type.', 'application/pdf'),
        content_base64: text('Its bytes, in padded base64.', 'JVBERi0xLjc='),
      }),
    ),
  },
};

/** Members of the actor that a credential proves. */
export const provedActor = {
  type: choice('What kind of actor.', ['user', 'service']),
  id: text('Whom.', 'ann'),
  name: nullable(text('The name.', 'Ann Example')),
  issuer: nullable(text('Who vouches for the id.', 'https://login.example.com')),
};

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
