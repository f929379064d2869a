export { FoldedTables as ReadTables } from '../../src/application/projections/drift/folded-tables.js';
