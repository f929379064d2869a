import type { OutlineSection } from '../outline.js';

/** `1`, `5.1`, `Appendix A`; null for front matter. In the order of the outline. */
export const numberSections = (sections: readonly OutlineSection[]): Map<string, string | null> => {
  let main = 0;
  let sub = 0;
  let appendix = 0;
  const next = ({ numbering, level }: OutlineSection): string | null => {
    if (numbering === 'front') return null;
    if (numbering === 'letter') return `Appendix ${letters((appendix += 1))}`;
    if (level === 2) return `${main}.${(sub += 1)}`;
    sub = 0;
    return `${(main += 1)}`;
  };
  return new Map(sections.map((section) => [section.key, next(section)]));
};

/** A ... Z, AA ... */
const letters = (index: number): string =>
  index > 26
    ? letters(Math.floor((index - 1) / 26)) + letters(((index - 1) % 26) + 1)
    : String.fromCharCode(64 + index);
