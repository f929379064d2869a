import { hash } from 'node:crypto';
import type { JsonObject } from '../../../domain/json.js';
import type { PackFiles } from './pack-format.js';

/** Every file of the pack but itself and its signature. Its canonical JSON is what is stored, and signed. */
export const manifestOf = (executionId: string, madeAt: Date, files: PackFiles): JsonObject => ({
  format: 'workflow-executor/audit-pack/1',
  execution_id: executionId,
  made_at: madeAt.toISOString(),
  files: Object.fromEntries(
    Object.entries(files).map(([path, content]) => [
      path,
      { sha256: hash('sha256', content, 'hex'), bytes: content.byteLength },
    ]),
  ),
});
