/** Parameters and members of bodies that mean the same wherever they occur. A contract has other words where they do not. */
import { EXECUTION_ID } from './schema.js';
import type { FieldText } from './operation.js';

export const FIELDS: Readonly<Record<string, Required<Omit<FieldText, 'schema'>>>> = {
  execution_id: { description: 'The id of the execution.', example: EXECUTION_ID },
  project_id: { description: 'The project, as the caller names it.', example: 'metformin' },
  document_type: {
    description: 'The kind of document, which chooses the definition.',
    example: 'investigators_brochure',
  },
  actor_id: {
    description: 'Who asks, where no credential proves it; beside a credential it is recorded as a claim.',
    example: 'ann',
  },
  reason: { description: 'Why, as it is recorded.', example: 'The source data are being corrected' },
  metadata: { description: 'What the agents are handed of the caller’s own.', example: { priority: 'high' } },
  limit: { description: 'How many there are in an answer, at most.', example: 50 },
  cursor: {
    description: 'Where the page begins: the `next_cursor` of the answer before.',
    example: 'WyJhc2MiLCIyMDAiXQ',
  },
  through_revision: { description: 'The last event that was looked at.', example: '12' },
  overlap_seconds: { description: 'For how long what is replaced goes on to count.', example: 86_400 },
  expires_at: { description: 'When the key ends; null: never.', example: '2027-01-31T00:00:00Z' },
  issuer: { description: 'The provider that vouches for the person.', example: 'https://login.example.com' },
  subject: { description: 'The person’s id at the provider.', example: 'ann' },
  role: { description: 'The role that is given.', example: 'operator' },
  projects: {
    description: 'Where it counts: `all`, or ids of projects and beginnings of ids with `*` at the end.',
    example: ['metformin', 'phase-3-*'],
  },
};
