/** A document together with its signatures, to be read and printed. What is stored, and was signed, never changes. */
import { Query, QueryBus, QueryHandler, type IQueryHandler } from '@nestjs/cqrs';
import { GetArtifact } from '../queries/get-execution.js';
import { InvalidRequest, NotFound } from '../runtime/errors.js';
import { ListSignatures, type SignatureView } from './signatures.js';

/** What a page of signatures shows. */
export type SignatureSheet = Readonly<{
  executionId: string;
  document: Readonly<{ name: string; sha256: string; bytes: number }>;
  signatures: readonly SignatureView[];
}>;

export abstract class SignaturePages {
  /**
   * @returns a PDF that begins with the bytes of the given one, unchanged, and has a page of signatures behind its own
   * @throws InvalidRequest where it cannot be read as a PDF, NotReady where too many are being made
   */
  abstract behind(pdf: Uint8Array, sheet: SignatureSheet): Promise<Uint8Array>;
}

type SignedCopy = Readonly<{ name: string; sha256: string; contentType: string; content: Uint8Array }>;

/** The latest file of that name with the signatures that were given to these bytes, withdrawn and stale ones among them. */
export class GetSignedCopy extends Query<SignedCopy> {
  constructor(
    readonly executionId: string,
    readonly name: string,
  ) {
    super();
  }
}

@QueryHandler(GetSignedCopy)
export class GetSignedCopyHandler implements IQueryHandler<GetSignedCopy> {
  constructor(
    private readonly queries: QueryBus,
    private readonly pages: SignaturePages,
  ) {}

  /** @throws NotFound where there is no such document or no signature of it, InvalidRequest where it is no PDF */
  async execute({ executionId, name }: GetSignedCopy): Promise<SignedCopy> {
    const document = await this.queries.execute(new GetArtifact(executionId, name));
    const { sha256, contentType, content } = document;
    if (contentType.split(';')[0]!.trim().toLowerCase() !== 'application/pdf')
      throw new InvalidRequest(
        'NOT_A_PDF',
        `signatures: expected a PDF, as signatures are printed on a page of one; ${name} is ${contentType}`,
      );
    const all = await this.queries.execute(new ListSignatures(executionId));
    const signatures = all.filter(({ documents }) => documents.some((each) => each.sha256 === sha256));
    if (signatures.length === 0)
      throw new NotFound(`Nobody has signed ${name} (SHA-256 ${sha256}) of execution ${executionId}`);
    const sheet = { executionId, document: { name, sha256, bytes: content.byteLength }, signatures };
    return {
      name: name.replace(/(\.pdf)?$/i, '-signed.pdf'),
      sha256,
      contentType,
      content: await this.pages.behind(content, sheet),
    };
  }
}
