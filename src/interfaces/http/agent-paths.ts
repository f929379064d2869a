import type { DocumentAgentName } from '../../application/document-agents.js';

/** The paths of the guide. */
export const AGENT_PATHS: Readonly<Record<string, DocumentAgentName>> = {
  '/api/v1/enrich': 'regdata',
  '/api/v1/compose': 'composer',
  '/api/v1/write': 'writer',
  '/api/v1/validate': 'validator',
  '/api/v1/assemble': 'assembler',
  '/api/v1/export': 'export',
};

const agents = new Map(Object.entries(AGENT_PATHS));

/** As the router matches: letter case and a slash at the end make no difference. */
export const agentAt = (path: string): DocumentAgentName | undefined =>
  agents.get(path.toLowerCase().replace(/\/$/, ''));
