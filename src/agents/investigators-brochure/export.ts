import { createHash } from 'node:crypto';
import { documentAgent } from './agent.js';
import { documentSchema, type Format } from './document.js';
import { renderFile } from './export/render-files.js';

const LONGEST_STEM = 80;

/** `metformin-investigators-brochure.pdf`. A project's id may hold what a file's name may not. */
export const fileName = (projectId: string, format: Format): string => {
  const stem = projectId
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, LONGEST_STEM)
    .replace(/[^A-Za-z0-9]+$/, '');
  return `${stem || 'project'}-investigators-brochure.${format}`;
};

const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  pdf: 'application/pdf',
};

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
