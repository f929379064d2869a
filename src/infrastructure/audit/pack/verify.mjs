/**
 * Checks an audit pack, with nothing but Node 20 or later and no network:
 *
 *   node verify.mjs [PACK] [--key KEY]...
 *
 * PACK: the unpacked directory (default: where this file is), or the ZIP. --key: a key that you trust, as you have it from
 * elsewhere than the pack: its fingerprint (SHA-256 of the SPKI, 64 hex digits), or a file with the public key (PEM) or with
 * fingerprints, one a line. May be given again; --key-id is the same. A key that such a one has named its successor will do.
 * Without any the pack's own key is taken on trust, and the pack is not proven.
 * Ends with 0 when everything holds, with 1 when anything does not, with 2 when nothing is wrong and it is not proven, or
 * the pack cannot be read. A forger of the pack can forge the verify.mjs in it: take this file from somebody you trust.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { inflateRawSync } from 'node:zlib';

const sha256 = (...parts) => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const hex = (...parts) => sha256(...parts).toString('hex');

/** Keys sorted, no white space. */
const canonical = (value) => {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(',')}}`;
};
const hashOf = (value) => hex(canonical(value));

const fail = (what) => {
  throw new Error(what);
};
const expect = (holds, what) => holds || fail(what);

function readDirectory(root, directory = root) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return readDirectory(root, path);
    return [[relative(root, path).replaceAll('\\', '/'), readFileSync(path)]];
  });
}

function readZip(zip) {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
  expect(end >= 0, 'this is no ZIP');
  const [files, archive] = [[], { digest: hex(zip.subarray(0, end + 22)), signature: zip.toString('utf8', end + 22) }];
  for (let at = zip.readUInt32LE(end + 16), left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, packed, nameLength] = [
      zip.readUInt16LE(at + 10),
      zip.readUInt32LE(at + 20),
      zip.readUInt16LE(at + 28),
    ];
    const local = zip.readUInt32LE(at + 42);
    const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
    const content = zip.subarray(start, start + packed);
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength);
    files.push([name, method === 0 ? content : inflateRawSync(content)]);
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return { files, archive };
}

/** RFC 9162, 2.1.3.2. */
function rootOf(leaf, index, size, proof) {
  expect(Number.isSafeInteger(index) && index >= 0 && index < size, 'a proof is for no place of the tree');
  let [at, last, hash] = [index, size - 1, leaf];
  const half = (value) => Math.floor(value / 2);
  for (const text of proof) {
    expect(last > 0, 'a proof is too long');
    const beside = Buffer.from(text, 'hex');
    const isRight = at % 2 === 1;
    hash = isRight || at === last ? sha256(NODE, beside, hash) : sha256(NODE, hash, beside);
    if (!isRight && at === last) for (; at % 2 === 0 && at > 0; last = half(last)) at = half(at);
    [at, last] = [half(at), half(last)];
  }
  expect(last === 0, 'a proof is too short');
  return hash.toString('hex');
}
const LEAF = Buffer.from([0]);
const NODE = Buffer.from([1]);

function hashOfEvent({ stream, revision, id, type, data, metadata }) {
  const rest = { ...metadata };
  delete rest.hash;
  return hashOf({ stream, revision, id, type, data: hashOf(data), metadata: metadata === null ? null : rest });
}

/** Files as the events name them: path, hash, attempt, what it was given and what it gave. */
function lineageOf(events) {
  const [outputs, started, lineage] = [{}, {}, []];
  for (const { type, data, revision } of events) {
    if (type === 'StepStarted')
      started[data.step] = { agent: data.agent, inputs: { ...outputs }, inputHash: data.inputHash };
    if (type !== 'StepCompleted') continue;
    outputs[data.step] = hashOf(data.output);
    const { agent = null, inputs = {}, inputHash } = started[data.step] ?? {};
    const large = Object.values(data.output).filter(isReference);
    for (const ref of [...data.artifacts, ...large.map((value) => ({ ...value, name: value.artifact }))])
      lineage.push({
        file: `artifacts/${ref.sha256.slice(0, 16)}-${ref.name.replace(/[^\w.-]/g, '_').slice(-80)}`,
        ...{ name: ref.name, sha256: ref.sha256, bytes: ref.bytes, content_type: ref.contentType, revision },
        ...{ step: data.step, agent, agent_version: versionOf(data.agentMetadata) },
        ...{ attempt: data.attempt, generation: data.generation },
        agent_metadata: data.agentMetadata ?? {},
        input_hash: inputHash ?? hashOf({ metadata: events[0].data.metadata ?? {}, inputs }),
        ...{ inputs, output_hash: outputs[data.step] },
      });
  }
  return lineage;
}

const versionOf = (metadata) => (/^(string|number)$/.test(typeof metadata?.version) ? String(metadata.version) : null);

/** What stands in an output in place of a large value, and nothing that an agent gave itself. */
const isReference = (value) => {
  const { artifact, sha256: digest, bytes, contentType, ...rest } = value ?? {};
  const isWhole = typeof artifact === 'string' && /^[0-9a-f]{64}$/.test(digest) && typeof bytes === 'number';
  return isWhole && contentType === 'application/json' && Object.keys(rest).length === 0;
};

const idOf = (key) => hex(key.export({ type: 'spki', format: 'der' }));
const publicKeyOf = (text) => createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });

/** Keys that are trusted, and those that they named, one after the other, as what comes after them. */
function followed(trusted, changes) {
  const all = new Set(trusted);
  for (const { signature, ...signed } of changes) {
    const { key_id: id, key_change: change, number } = signed;
    const where = `key-changes.json: checkpoint ${number}`;
    const from = publicKeyOf(change.from);
    expect(idOf(from) === id, `${where} does not hold the key that it is signed with`);
    expect(
      verify(null, Buffer.from(canonical(signed)), from, Buffer.from(signature, 'base64')),
      `${where}: its signature is wrong`,
    );
    if (all.has(id)) all.add(idOf(publicKeyOf(change.to)));
  }
  return all;
}

/**
 * The log's moves to another server. Of one that is signed with a key that has not led to the pack's, which an operator may have
 * vouched for, the pack proves nothing but what its checkpoint covers.
 * @returns those that are signed with a key that has led to it
 */
function checkMoves(moves, changes, key) {
  const keys = new Map(
    [key, ...changes.map(({ key_change: change }) => publicKeyOf(change.from))].map((it) => [idOf(it), it]),
  );
  return moves.filter(({ signature, ...signed }) => {
    const { key_id: id, number } = signed;
    if (!keys.has(id) || !followed([id], changes).has(idOf(key))) return false;
    const bytes = Buffer.from(canonical(signed));
    const isSigned = verify(null, bytes, keys.get(id), Buffer.from(signature, 'base64'));
    return expect(signed.move && isSigned, `moves.json: checkpoint ${number} is no signed record of a move`);
  });
}

/** Each event has its place and its hash, and names the one before it. @param names of the files that hold both */
function checkChain(events, chain, stream, names) {
  let before = null;
  expect(chain.length === events.length, `${names.chain}: another number of events`);
  events.forEach((event, place) => {
    const { revision, stream: own, metadata } = event;
    const where = `${names.of}: revision ${revision}`;
    const hash = hashOfEvent(event);
    expect(revision === String(place), `${where}: expected revision ${place}; one is missing or out of order`);
    expect(own === stream, `${where}: is of another stream, ${own}`);
    if (metadata?.hash !== undefined) {
      expect(metadata.hash === hash, `${where}: its content has not the hash that it carries`);
      expect(metadata.previousHash === before, `${where}: names another event before it`);
    }
    expect(chain[place].hash === hash, `${where}: is not the one of ${names.chain}`);
    expect(
      chain[place].previous_hash === (metadata?.previousHash ?? null),
      `${where}: ${names.chain} names another before it`,
    );
    before = hash;
  });
}

/** Each event is under the signed root. */
function checkProofs(events, chain, proofs, signed, name) {
  expect(proofs.length === events.length, `${name}: another number of events`);
  events.forEach(({ position, recorded_at, stream, revision, id }, place) => {
    const leaf = sha256(LEAF, canonical({ position, recorded_at, stream, revision, id, hash: chain[place].hash }));
    const { index, proof, revision: proved } = proofs[place];
    const root = rootOf(leaf, index, signed.tree_size, proof);
    expect(proved === revision && root === signed.root, `${name}: revision ${revision} is not proved`);
  });
}

/** Each file that a step gave, by name and hash; the last of a name counts. */
const documentsOf = (events) =>
  events.flatMap(({ type, data, revision }) =>
    type === 'StepCompleted'
      ? data.artifacts.map(({ name, sha256: hash }) => ({ name, hash, at: Number(revision) }))
      : [],
  );
const latest = (documents, name, through) => documents.findLast((each) => each.name === name && each.at <= through);

/** Who started, retried or executed it: they sign only what its definition leaves to them. */
const ACTS = ['WorkflowStarted', 'StepRetryRequested', 'NextStepRequested', 'RemainingStepsRequested'];
const isActor = ({ subject, issuer }, actor) =>
  actor?.verified === true && actor.id === subject && actor.issuer === issuer;

/** What is neither is an event of another program, and counts for nothing. */
const isText = (value) => typeof value === 'string';
const isSignature = (data) =>
  [data?.executionId, data?.signatureId, data?.printedName, data?.subject, data?.issuer, data?.meaning, data?.at].every(
    isText,
  ) &&
  Number.isSafeInteger(data?.throughRevision) &&
  Array.isArray(data?.documents);
const isWithdrawal = (data) => [data?.signatureId, data?.reason, data?.at, data?.by?.id].every(isText);

/** Signatures are events of a stream of their own; of what was signed each names the hash. */
function checkSignatures({ events: given, chain: links, proofs }, { manifest, events, chain, signed, print }) {
  const name = 'signatures.json';
  checkChain(given, links, `signature-${manifest.execution_id}`, { of: name, chain: name });
  checkProofs(given, links, proofs, signed, name);
  const documents = documentsOf(events);
  const applications = given.filter(({ type, data }) => type === 'SignatureApplied' && isSignature(data));
  for (const { data, metadata } of applications)
    expect(isActor(data, metadata?.actor), `${name}: signature ${data.signatureId}: another actor recorded it`);
  const applied = applications.map(({ data }) => data);
  const ids = new Set(applied.map(({ signatureId }) => signatureId));
  expect(ids.size === applied.length, `${name}: a signature stands there twice`);
  const withdrawn = given
    .filter(({ type, data }) => type === 'SignatureWithdrawn' && isWithdrawal(data))
    .map(({ data }) => data);
  for (const { signatureId } of withdrawn)
    expect(ids.has(signatureId), `${name}: a withdrawal names no signature of the pack, ${signatureId}`);
  for (const data of applied) {
    const { signatureId: id, throughRevision: through, eventHash, documents: own } = data;
    const where = `${name}: signature ${id}`;
    expect(data.executionId === manifest.execution_id, `${where}: is of another execution`);
    expect(
      chain[through]?.hash === eventHash,
      `${where}: was given to another history: event ${through} has not its hash`,
    );
    for (const { name: document, sha256: hash } of own)
      expect(
        latest(documents, document, through)?.hash === hash,
        `${where}: ${document} had another hash at revision ${through}`,
      );
    const relaxed = events[0].data.definition.separationOfDuties?.relax ?? [];
    const act = events
      .slice(0, through + 1)
      .find(({ type, metadata }) => ACTS.includes(type) && isActor(data, metadata?.actor));
    expect(
      !act || relaxed.includes(data.meaning),
      `${where}: its signer did what they vouch for, ${act?.type} at revision ${act?.revision}`,
    );
    print(`Signature: ${data.printedName} (${data.subject}), ${data.meaning}, ${data.at}, through revision ${through}`);
    print(
      `  of ${own.map((each) => `${each.name} ${each.sha256}`).join(', ') || 'the history alone'}: ${standing(data)}.`,
    );
  }
  if (applied.length === 0) print('Nobody has signed it.');

  function standing({ signatureId, throughRevision: through, documents: own }) {
    const end = withdrawn.find((each) => each.signatureId === signatureId);
    if (end) return `WITHDRAWN at ${end.at} by ${end.by.name ?? end.by.id}: ${end.reason}`;
    const all = [...new Set(documents.filter(({ at }) => at <= through).map((each) => each.name))];
    const names = [...own.map((each) => each.name), ...all];
    const changed = names.find(
      (each) => latest(documents, each, Infinity).hash !== latest(documents, each, through).hash,
    );
    if (changed === undefined) return 'stands';
    return `STALE: ${changed} has other bytes since revision ${latest(documents, changed, Infinity).at}`;
  }
}

function check(files, archive, trusted, print) {
  const file = (path) => files.get(path) ?? fail(`${path} is missing`);
  const json = (path) => JSON.parse(file(path).toString('utf8'));

  const key = createPublicKey(file('public-key.pem'));
  const keyId = idOf(key);
  expect(
    key.export({ type: 'spki', format: 'pem' }) === file('public-key.pem').toString(),
    'public-key.pem is altered',
  );
  // Packs of earlier versions have none.
  const changes = files.has('key-changes.json') ? json('key-changes.json') : [];
  const isTrusted = followed(trusted, changes).has(keyId);
  expect(
    isTrusted || trusted.length === 0,
    `public-key.pem: the pack's key is ${keyId}, you trust ${trusted.join(', ')}, and none of them has named it`,
  );
  const isSigned = (text, signature) => {
    const bytes = Buffer.from(signature, 'base64');
    return bytes.toString('base64') === signature && verify(null, Buffer.from(text), key, bytes);
  };

  expect(
    !archive || isSigned(`workflow-executor/audit-pack-zip/1 ${archive.digest}`, archive.signature),
    'this is not the ZIP that was made. To see what else holds, unpack it and check the directory',
  );
  expect(isSigned(file('manifest.json'), file('manifest.sig').toString()), 'manifest.json: its signature is wrong');
  const manifest = json('manifest.json');
  for (const [path, content] of files) {
    if (path === 'manifest.json' || path === 'manifest.sig') continue;
    expect(Object.hasOwn(manifest.files, path), `${path} does not belong to the pack`);
    expect(manifest.files[path].sha256 === hex(content), `${path} is not what it was when the pack was made`);
  }
  for (const path of Object.keys(manifest.files)) file(path);
  print(`${files.size} files are what they were when the pack was made, ${manifest.made_at}.`);

  const events = file('events.ndjson')
    .toString('utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const chain = json('chain.json');
  expect(events.length > 0, 'events.ndjson: there is no event');
  checkChain(events, chain, `workflow-${manifest.execution_id}`, { of: 'events.ndjson', chain: 'chain.json' });
  const bare = events.filter(({ metadata }) => metadata?.hash === undefined);
  const but = bare.length > 0 ? `, but ${bare.length} that carry none, the first at revision ${bare[0].revision}` : '';
  print(`${events.length} events without a gap; each has its hash and names the one before it${but}.`);

  const checkpoint = json('checkpoint.json');
  const { signature, ...signed } = checkpoint;
  expect(signed.key_id === keyId, `checkpoint.json: is signed with another key, ${signed.key_id}`);
  expect(isSigned(canonical(signed), signature), 'checkpoint.json: its signature is wrong');
  const proofs = json('proofs.json');
  checkProofs(events, chain, proofs, signed, 'proofs.json');
  print(`All of them, their positions and times of recording are under checkpoint ${signed.number} of ${signed.at},`);
  print(`  which covers ${signed.tree_size} events of the log and is signed with key ${keyId}.`);

  // Packs of earlier versions have none.
  const moves = files.has('moves.json') ? json('moves.json') : [];
  const checked = new Set(checkMoves(moves, changes, key));
  const signatures = files.has('signatures.json') ? json('signatures.json') : { events: [], chain: [], proofs: [] };
  const movedOf = (all, proved) => all.flatMap(({ moved_to: to }, place) => (to === undefined ? [] : [proved[place]]));
  const moved = [...movedOf(events, proofs), ...movedOf(signatures.events, signatures.proofs)];
  const moveOf = ({ index }) => moves.find(({ tree_size: covered }) => index < covered);
  for (const { revision } of moved.filter((proof) => !moveOf(proof)))
    fail(`events.ndjson: revision ${revision} says that it was moved from another log, and no signed move covers it`);
  for (const move of new Set(moved.map(moveOf))) {
    print(`The log was moved to another server, as checkpoint ${move.number} of ${move.at} records;`);
    print('  positions and times of recording are those in the log before.');
    if (!checked.has(move))
      print(`  its signature is not checked: key ${move.key_id} has not led to that of the pack.`);
  }

  const { definition, definitionHash } = events[0].data;
  expect(canonical(json('definition.json')) === canonical(definition), 'definition.json: is not the one of the events');
  expect(hashOf(definition) === definitionHash, 'definition.json: has not the hash that the start recorded');
  const lineage = json('lineage.json');
  expect(canonical(lineage) === canonical(lineageOf(events)), 'lineage.json: is not what the events tell');
  for (const { file: path, sha256: recorded } of lineage)
    expect(hex(file(path)) === recorded, `${path}: is not the file that the agent gave`);
  print(`The definition is the one that ran; ${lineage.length} artifacts are the bytes that their attempts gave.`);

  // Packs of earlier versions have none.
  if (files.has('signatures.json'))
    checkSignatures(json('signatures.json'), { manifest, events, chain, signed, print });
}

/** @throws where it is neither a fingerprint nor a file with one or with a public key */
function trustedKeys(given) {
  const isId = /^(sha256:)?[0-9a-f]{64}$/i;
  const plain = (id) => id.replace(/^sha256:/i, '').toLowerCase();
  if (isId.test(given)) return [plain(given)];
  const text = readFileSync(given, 'utf8');
  const pems = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g);
  if (pems) return pems.map((pem) => idOf(createPublicKey(pem)));
  const ids = text.split('\n').map((line) => line.replace(/#.*/, '').trim());
  const found = ids.filter((id) => id !== '');
  expect(found.length > 0 && found.every((id) => isId.test(id)), `${given}: expected a public key or fingerprints`);
  return found.map(plain);
}

/** For a program that makes packs. @returns what is wrong; null where everything holds */
export function findWrong(zip, trusted) {
  try {
    const { files, archive } = readZip(zip);
    check(new Map(files), archive, trusted, () => undefined);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function read(pack) {
  const { files, archive } = statSync(pack).isDirectory()
    ? { files: readDirectory(pack) }
    : readZip(readFileSync(pack));
  expect(new Set(files.map(([path]) => path)).size === files.length, 'two files have one name');
  return { files: new Map(files), archive };
}

const end = (code, words) => {
  console.log(words);
  process.exitCode = code;
};

function main() {
  const trusted = [];
  let pack = dirname(fileURLToPath(import.meta.url));
  try {
    const { values, positionals } = parseArgs({
      options: { key: { type: 'string', multiple: true }, 'key-id': { type: 'string', multiple: true } },
      allowPositionals: true,
    });
    for (const given of [...(values.key ?? []), ...(values['key-id'] ?? [])]) trusted.push(...trustedKeys(given));
    [pack = pack] = positionals;
    statSync(pack);
  } catch (error) {
    return end(2, `NOT PROVEN: ${error.message}`);
  }
  try {
    const { files, archive } = read(pack);
    check(files, archive, trusted, (line) => console.log(`proved: ${line}`));
    console.log(
      'NOT proved: that what agents and people said was true; that the pack holds what came after it was made;',
    );
    console.log(
      '  anything against the holder of the signing key. report.pdf is for people: it proves nothing by itself.',
    );
    if (trusted.length > 0) return end(0, 'OK');
    const keyId = idOf(createPublicKey(files.get('public-key.pem')));
    return end(
      2,
      `NOT PROVEN: whose key that is. Nothing was found to be wrong; compare ${keyId} with the fingerprint that you have from elsewhere, and give it with --key`,
    );
  } catch (error) {
    return end(1, `FAILED: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Not where another program imports it. */
function isProgram() {
  try {
    return realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url));
  } catch {
    return false;
  }
}

if (isProgram()) main();
