/** docs/openapi.json as it is served: with the address of this installation, or as a page. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { pageOf, PAGE_STYLE, type OpenApi } from './page.js';

type Served = Readonly<{ text: string; version: string }>;

/** The same place from `src/` and from `dist/`. */
const FILE = new URL('../../../../docs/openapi.json', import.meta.url);

/** Read for each form in which it is served, which is kept; the document itself would take ten times its file's size. */
const document = async (): Promise<OpenApi> => JSON.parse(await readFile(FILE, 'utf8')) as OpenApi;

const served = (text: string): Served => ({ text, version: hashOf(text, 'hex').slice(0, 32) });
const hashOf = (text: string, encoding: 'hex' | 'base64') => createHash('sha256').update(text).digest(encoding);

/** By what they were made for: an installation has one public path. */
let kept: Readonly<{ base: string; served: Served }> | undefined;

/** @param base the path before all paths of the document, as clients see it; `/` at its end */
export const documentFor = async (base: string): Promise<Served> => {
  if (kept?.base === base) return kept.served;
  const whole = await document();
  const url = base.length > 1 ? base.replace(/\/$/, '') : base;
  kept = { base, served: served(JSON.stringify({ ...whole, servers: [{ ...whole.servers?.[0], url }] })) };
  return kept.served;
};

let page: Readonly<{ root: string; served: Served }> | undefined;

/** Nothing but its own style: no script, no font, no picture, no other host. */
const HEADERS = {
  'Content-Type': 'text/html; charset=utf-8',
  'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${hashOf(PAGE_STYLE, 'base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
};

/** @param root the way from the page to the root of the API */
export const referencePage = async (root: string): Promise<Served & Readonly<{ headers: typeof HEADERS }>> => {
  if (page?.root !== root) page = { root, served: served(pageOf(await document(), root)) };
  return { ...page.served, headers: HEADERS };
};
