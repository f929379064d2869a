import type { Format } from '../outline.js';

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

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  pdf: 'application/pdf',
};
