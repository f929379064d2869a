import { createHash } from 'node:crypto';
import { OneShotThreads, ThreadRefusal, type ThreadLimits } from '../../infrastructure/system/threads.js';
import { documentAgent, Refusal } from './agent.js';
import { documentSchema, type Format } from './document.js';
import type { RenderOrder } from './export/render-thread.js';
import type { Rendered } from './export/style.js';

/** A file's time is less than the five minutes that a workflow gives the step. */
const limits: ThreadLimits = { threads: 2, waiting: 100, timeoutMs: 240_000, heapMb: 1024 };

const threads = new OneShotThreads<RenderOrder, Rendered>(
  new URL('./export/render-thread.js', import.meta.url),
  limits,
  async (order) => {
    const { render } = await import('./export/render.js');
    return render(order.document, order.format);
  },
);

/** @throws Refusal transient when too many files wait, or when this one takes too long or too much memory */
const renderFile = async (order: RenderOrder): Promise<Rendered> => {
  try {
    return await threads.run(order);
  } catch (error) {
    if (!(error instanceof ThreadRefusal)) throw error;
    if (error.code === 'BUSY') throw new Refusal('transient', 'EXPORT_BUSY', `${error.message}.`);
    throw new Refusal(
      'transient',
      'EXPORT_FAILED',
      `The ${order.format.toUpperCase()} was not written: ${error.message}.`,
    );
  }
};

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
