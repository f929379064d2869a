import type { DocumentAgent } from './agent.js';
import { assemble } from './assemble.js';
import { compose } from './compose.js';
import { enrich } from './enrich.js';
import { exportDocument } from './export.js';
import { validate } from './validate.js';
import { write } from './write.js';

/** The document agents, by step. Each is a function of its input; only `enrich` reads files and the clock. */
export const documentAgents = {
  enrich,
  compose,
  write,
  validate,
  assemble,
  export: exportDocument,
} satisfies Record<string, DocumentAgent>;
