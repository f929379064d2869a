/** The agents of the guide and the paths of their endpoints. An agent of another name needs AGENT_<NAME>_URL or registerAgent(). */
export const knownAgents: readonly Readonly<{ name: string; path: string }>[] = [
  { name: 'regdata', path: '/api/v1/enrich' },
  { name: 'composer', path: '/api/v1/compose' },
  { name: 'writer', path: '/api/v1/write' },
  { name: 'validator', path: '/api/v1/validate' },
  { name: 'assembler', path: '/api/v1/assemble' },
  { name: 'export', path: '/api/v1/export' },
];
