import { createHash } from 'node:crypto';
import { documentAgent } from './agent.js';
import { documentSchema } from './document.js';
import { CONTENT_TYPES, fileName } from './export/file-names.js';
import { renderFile } from './export/render-files.js';

/** Writes the document as files. */
export const exportDocument = documentAgent({ document: documentSchema }, async ({ document }) => {
  const files = await Promise.all(
    document.formats.map(async (format) => {
      const { content, warnings } = await renderFile({ document, format });
      const name = fileName(document.project_id, format);
      return { name, content_type: CONTENT_TYPES[format], content: Buffer.from(content), warnings };
    }),
  );
  const documents = files.map(({ name, content_type, content }) => ({
    name,
    content_type,
    sha256: createHash('sha256').update(content).digest('hex'),
    bytes: content.length,
  }));
  const artifacts = files.map(({ name, content_type, content }) => ({
    name,
    content_type,
    content_base64: content.toString('base64'),
  }));
  const warnings = files.flatMap((file) => file.warnings);
  return { success: true, data: { documents }, metadata: { warnings }, artifacts };
});
