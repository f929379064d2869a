import type { WorkflowDefinition } from '../../domain/workflow/events.js';

export type PublishedDefinition = Readonly<{
  definition: WorkflowDefinition;
  /** SHA-256 (hex) of the definition's canonical JSON. */
  hash: string;
}>;

/** What is installed on this instance. A running execution does not ask here: it carries its own. */
export abstract class Definitions {
  abstract byDocumentType(documentType: string): PublishedDefinition | undefined;
  abstract all(): readonly PublishedDefinition[];
}
