/**
 * The sections of an Investigator's Brochure and the clauses of ICH E6 that ask for them. Numbers follow the sample
 * contents of E6(R2) 7.5, in which section n is clause 7.3.n, which is A.3.n of E6(R3).
 */
type SectionKind = 'title' | 'statement' | 'contents' | 'body' | 'references' | 'fact_register' | 'clause_table';

type BrochureSection = Readonly<{
  key: string;
  title: string;
  kind: SectionKind;
  level: 1 | 2;
  /** `front` matter has no number, appendices have letters. */
  numbering: 'front' | 'decimal' | 'letter';
  e6r3: string;
  e6r2: string;
  required: boolean;
  /** Opens the section where it has facts. `{product}` is the product's name. */
  lead: string | null;
}>;

const section = (
  key: string,
  title: string,
  clauses: readonly [e6r3: string, e6r2: string],
  rest: Partial<BrochureSection> = {},
): BrochureSection => ({
  key,
  title,
  kind: 'body',
  level: key.includes('.') ? 2 : 1,
  numbering: 'decimal',
  e6r3: clauses[0],
  e6r2: clauses[1],
  required: true,
  lead: null,
  ...rest,
});

export const BROCHURE: readonly BrochureSection[] = [
  section('title_page', 'Title Page', ['A.2.1', '7.2.1'], { kind: 'title', numbering: 'front' }),
  section('confidentiality_statement', 'Confidentiality Statement', ['A.2.2', '7.2.2'], {
    kind: 'statement',
    numbering: 'front',
  }),
  section('table_of_contents', 'Table of Contents', ['A.3.1', '7.3.1'], { kind: 'contents' }),
  section('summary', 'Summary', ['A.3.2', '7.3.2'], {
    lead: 'The principal data on {product} are summarised here; each is given in full in its own section.',
  }),
  section('introduction', 'Introduction', ['A.3.3', '7.3.3']),
  section('properties', 'Physical, Chemical and Pharmaceutical Properties and Formulation', ['A.3.4', '7.3.4'], {
    lead: 'This section describes the active substance of {product} and the form in which it is supplied.',
  }),
  section('properties.substance', 'Physical and Chemical Properties', ['A.3.4', '7.3.4']),
  section('properties.formulation', 'Pharmaceutical Properties and Formulation', ['A.3.4', '7.3.4']),
  section('nonclinical', 'Nonclinical Studies', ['A.3.5', '7.3.5'], {
    lead: 'This section brings together what is known of {product} from studies in vitro and in animals.',
  }),
  section('nonclinical.pharmacology', 'Nonclinical Pharmacology', ['A.3.5(a)', '7.3.5(a)']),
  section('nonclinical.pharmacokinetics', 'Pharmacokinetics and Product Metabolism in Animals', [
    'A.3.5(b)',
    '7.3.5(b)',
  ]),
  section('nonclinical.toxicology', 'Toxicology', ['A.3.5(c)', '7.3.5(c)']),
  section('humans', 'Effects in Humans', ['A.3.6', '7.3.6'], {
    lead: 'This section describes what is known of the effects of {product} in humans.',
  }),
  section('humans.pharmacokinetics', 'Pharmacokinetics and Product Metabolism in Humans', ['A.3.6(a)', '7.3.6(a)']),
  section('humans.safety_efficacy', 'Safety and Efficacy', ['A.3.6(b)', '7.3.6(b)']),
  section('humans.marketing', 'Marketing Experience', ['A.3.6(c)', '7.3.6(c)']),
  section('guidance', 'Summary of Data and Guidance for the Investigator', ['A.3.7', '7.3.7'], {
    lead: 'The points below are those on which the conduct of a study with {product} depends.',
  }),
  section('references', 'References', ['A.3', '7.3'], { kind: 'references' }),
  section('appendix.facts', 'Register of Cited Facts', ['A.3', '7.5'], {
    kind: 'fact_register',
    level: 1,
    numbering: 'letter',
    required: false,
  }),
  section('appendix.clauses', 'Correspondence with ICH E6', ['A.3', '7.5'], {
    kind: 'clause_table',
    level: 1,
    numbering: 'letter',
    required: false,
  }),
];

/** Sections that hold facts: what a fact may name as its section. */
export const FACT_SECTIONS: readonly string[] = BROCHURE.filter(({ kind }) => kind === 'body').map(({ key }) => key);
