/** Element types of arrays that travel in binary form: as text every quote in them would be escaped, and read back again. */
const OIDS: Readonly<Record<string, number>> = { text: 25, json: 114, jsonb: 3802 };
/** Each value of `jsonb` begins with the version of its form. */
const JSONB_VERSION = 1;
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;

export const travelsAsBinary = (type: string): boolean => type in OIDS;

/** A one-dimensional array in Postgres' binary form: a parameter of type `type[]`. @param type for which `travelsAsBinary` */
export const binaryArray = (type: string, values: readonly (string | null)[]): Buffer => {
  const versionBytes = type === 'jsonb' ? 1 : 0;
  const lengths = values.map((value) => (value === null ? NULL_LENGTH : Buffer.byteLength(value) + versionBytes));
  const size = lengths.reduce((sum, length) => sum + LENGTH_BYTES + Math.max(0, length), HEADER_BYTES);
  const bytes = Buffer.allocUnsafe(size);
  bytes.writeInt32BE(1, 0); // dimensions
  bytes.writeInt32BE(lengths.includes(NULL_LENGTH) ? 1 : 0, 4);
  bytes.writeInt32BE(OIDS[type]!, 8);
  bytes.writeInt32BE(values.length, 12);
  bytes.writeInt32BE(1, 16); // the first index
  let at = HEADER_BYTES;
  values.forEach((value, index) => {
    const length = lengths[index]!;
    at = bytes.writeInt32BE(length, at);
    if (value === null) return;
    if (versionBytes > 0) bytes.writeUInt8(JSONB_VERSION, at);
    bytes.write(value, at + versionBytes, 'utf8');
    at += length;
  });
  return bytes;
};
