export type ProblemCode =
  | 'section_missing'
  | 'section_empty'
  | 'section_order'
  | 'section_unknown'
  | 'section_repeated'
  | 'wrong_title'
  | 'wrong_field'
  | 'citation_unresolved'
  | 'number_uncited'
  | 'number_wrong'
  | 'unit_wrong'
  | 'fact_not_cited'
  | 'facts_changed';

/** `section` is a key of the outline; null where the problem is not in one section. */
export type Problem = Readonly<{ code: ProblemCode; section: string | null; message: string }>;
