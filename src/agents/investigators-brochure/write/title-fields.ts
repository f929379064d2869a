import type { Fact, ProjectIdentity } from '../project/fact.js';
import type { BlockOf } from '../sections.js';
import { NO_DATA } from '../texts.js';

/** The title page, as A.2.1 and 7.2.1 ask for it. A function of the data alone, so that the validator can repeat it. */
export const titleFields = (
  project: ProjectIdentity,
  facts: readonly Fact[],
  factsSha256: string,
): BlockOf<'fields'> => {
  const { product, sponsor, edition } = project;
  const replaced = edition?.replaces;
  const rows: [label: string, value: string | null | undefined][] = [
    ['Investigational product', product?.name ?? project.id],
    ['Research code', product?.research_code],
    ['Chemical name', product?.chemical_name],
    ['Trade names', product?.trade_names.join(', ') || null],
    ['Sponsor', sponsor && [sponsor.name, sponsor.address].filter(Boolean).join(', ')],
    ['Edition', edition?.number],
    ['Release date', edition?.release_date],
    [
      'Replaces edition',
      edition && (replaced ? `${replaced.number} of ${replaced.release_date}` : 'None: first edition'),
    ],
    ['Data cut-off date', edition?.data_cut_off],
    ['Basis', `${facts.length} cited facts, collected ${project.collected_at.slice(0, 10)}`],
    ['Fingerprint of the facts', `SHA-256 ${factsSha256.slice(0, 16)}`],
  ];
  return { kind: 'fields', rows: rows.map(([label, value]) => ({ label, value: value ?? NO_DATA })) };
};

const DEFAULT_STATEMENT =
  'This document is confidential. It is given to the investigator, the investigator’s staff, the ethics committee or review board and the regulatory authorities for the conduct of clinical studies with the product named on the title page, and may not be disclosed to others without the sponsor’s written consent.';

export const confidentialityStatement = ({ confidentiality_statement }: ProjectIdentity): string =>
  confidentiality_statement ?? DEFAULT_STATEMENT;
