/** Makes bytes of a docx document, without the time at which, and the process in which, it was packed. */
import { Packer, type Document } from 'docx';
import { strFromU8, strToU8, unzipSync, zipSync, type Unzipped } from 'fflate';
import { withStableIds } from './docx-ids.js';

/** The first time a ZIP file can name. ZIP times have no zone: given in local parts, these are the same bytes everywhere. */
const ZIP_TIME = new Date(1980, 0, 1);
const XML = /\.(xml|rels)$/;
const CORE = 'docProps/core.xml';
const STAMP = /(<dcterms:(?:created|modified)[^>]*>)[^<]*/g;

/** @param created what the file says of itself; `docx` would write the time of day */
export const docxFile = async (document: Document, created: Date): Promise<Buffer> => {
  const entries = unzipSync(await Packer.toBuffer(document));
  const xml = Object.entries(entries).filter(([path]) => XML.test(path));
  const parts = withStableIds(Object.fromEntries(xml.map(([path, content]) => [path, strFromU8(content)])));
  const stamp = created.toISOString().replace(/\.\d+Z$/, 'Z');
  parts[CORE] = (parts[CORE] ?? '').replace(STAMP, `$1${stamp}`);
  const stable: Unzipped = { ...entries };
  for (const [path, content] of Object.entries(parts)) stable[path] = strToU8(content);
  return Buffer.from(zipSync(stable, { mtime: ZIP_TIME, level: 6 }));
};
