import {readFileSync} from 'node:fs';
import {resolve} from 'node:path';
import ts from 'typescript';
import {describe, expect, it} from 'vitest';

const {name, exports: subpaths} = JSON.parse(readFileSync('package.json', 'utf8')) as {
  name: string;
  exports: Record<string, string | {types: string}>;
};
/** What users import, and the source of each. */
const doors = Object.entries(subpaths).flatMap(([subpath, target]) =>
  typeof target === 'string'
    ? []
    : [
        {
          specifier: `${name}${subpath.slice(1)}`,
          file: resolve(target.types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts')),
        },
      ],
);

const {options} = ts.parseJsonConfigFileContent(
  ts.readConfigFile('tsconfig.json', path => readFileSync(path, 'utf8')).config,
  ts.sys,
  '.',
);
const program = ts.createProgram(
  doors.map(({file}) => file),
  options,
);
const checker = program.getTypeChecker();

interface PublicName {
  name: string;
  symbol: ts.Symbol;
  /** Something that is called. */
  isVerb: boolean;
}

function namesOf(file: string): PublicName[] {
  const door = checker.getSymbolAtLocation(program.getSourceFile(file)!)!;
  return checker.getExportsOfModule(door).map(exported => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    return {name: exported.name, symbol, isVerb: (symbol.flags & ts.SymbolFlags.Function) !== 0};
  });
}

function isSaid(symbol: ts.Symbol): boolean {
  return symbol.getDocumentationComment(checker).length > 0;
}

function examplesOf(symbol: ts.Symbol): string[] {
  return symbol
    .getJsDocTags(checker)
    .filter(tag => tag.name === 'example')
    .map(tag => ts.displayPartsToString(tag.text));
}

/** Members of an interface or a class that stand in this project. */
function membersOf({flags, members}: ts.Symbol): ts.Symbol[] {
  if (!(flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class))) return [];
  return [...(members?.values() ?? [])].filter(
    member => member.flags & (ts.SymbolFlags.Property | ts.SymbolFlags.Method),
  );
}

describe.each(doors)('$specifier', ({specifier, file}) => {
  const names = namesOf(file);

  it('says of every name, and of every part of it, what it is', () => {
    const unsaid = names.flatMap(({name, symbol}) =>
      [
        {path: name, symbol},
        ...membersOf(symbol).map(member => ({path: `${name}.${member.name}`, symbol: member})),
      ].flatMap(one => (isSaid(one.symbol) ? [] : [one.path])),
    );
    expect(names).not.toEqual([]);
    expect(unsaid).toEqual([]);
  });

  it('shows how every verb is used', () => {
    const verbs = names.filter(({isVerb}) => isVerb);
    expect(verbs.filter(({symbol}) => examplesOf(symbol).length === 0).map(({name}) => name)).toEqual([]);
  });

  it('exports what its page of docs/api documents, and nothing else', () => {
    const page = readFileSync(`docs/api/${specifier.replace('/', '.')}.md`, 'utf8');
    const documented = [...page.matchAll(/^### (\w+)(?:\(\))?$/gm)].map(([, name]) => name);
    expect(documented.sort()).toEqual(names.map(({name}) => name).sort());
  });
});

describe('the examples of the documentation comments', () => {
  const examples = doors.flatMap(({specifier, file}) =>
    namesOf(file).flatMap(({name, symbol}) =>
      examplesOf(symbol).map((text, i) => ({
        title: `${specifier}: ${name}`,
        path: resolve(`example-of-${name}-${i}.ts`),
        text: `${text}\nexport {};\n`,
      })),
    ),
  );

  it('hold in a strict project that imports the package by its name', {timeout: 120_000}, () => {
    const texts = new Map(examples.map(({path, text}) => [path, text]));
    const host = ts.createCompilerHost(options);
    const {fileExists, readFile, getSourceFile} = host;
    host.fileExists = path => texts.has(path) || fileExists(path);
    host.readFile = path => texts.get(path) ?? readFile(path);
    host.getSourceFile = (path, version, ...rest) => {
      const text = texts.get(path);
      return text === undefined
        ? (program.getSourceFile(path) ?? getSourceFile(path, version, ...rest))
        : ts.createSourceFile(path, text, version);
    };
    const checked = ts.createProgram([...texts.keys()], {...options, noUnusedLocals: false}, host);
    const problems = examples.flatMap(({title, path}) => {
      const source = checked.getSourceFile(path);
      return [...checked.getSyntacticDiagnostics(source), ...checked.getSemanticDiagnostics(source)].map(
        ({messageText}) => `${title}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`,
      );
    });
    expect(problems).toEqual([]);
  });
});
