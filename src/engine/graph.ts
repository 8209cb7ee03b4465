import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tensorflow } from './backend.js';
import { attributeType, dataType, type Attribute, type DataType } from './kernels.js';

/** The generated protocol-buffer classes of tfjs-node, as far as a graph needs them. */
interface Message {
  serializeBinary(): Uint8Array;
}
interface AttrValue extends Message {
  setS(value: Uint8Array): void;
  setI(value: number): void;
  setF(value: number): void;
  setB(value: boolean): void;
  setType(value: number): void;
  setShape(value: Message): void;
  setTensor(value: Message): void;
  setList(value: Message): void;
}
interface NodeDef extends Message {
  setName(name: string): void;
  setOp(operation: string): void;
  setInputList(inputs: string[]): void;
  getAttrMap(): { set(name: string, value: AttrValue): void };
}
interface Protocol {
  AttrValue: (new () => AttrValue) & {
    ListValue: new () => Message & {
      setIList(values: readonly number[]): void;
      setFList(values: readonly number[]): void;
      setBList(values: readonly boolean[]): void;
    };
  };
  NodeDef: new () => NodeDef;
  Tensor: new () => Message & {
    setDtype(type: number): void;
    setTensorShape(shape: Message): void;
    setTensorContent(bytes: Uint8Array): void;
  };
  TensorShape: (new () => Message & { addDim(dimension: Message): void }) & {
    Dim: new () => Message & { setSize(size: number): void };
  };
  GraphDef: new () => Message & { setNodeList(nodes: NodeDef[]): void; setVersions(version: Message): void };
  VersionDef: new () => Message & { setProducer(version: number): void };
  MetaGraphDef: (new () => Message & { setGraphDef(graph: Message): void; setMetaInfoDef(info: Message): void }) & {
    MetaInfoDef: new () => Message & { addTags(tag: string): void };
  };
  SavedModel: new () => Message & {
    setSavedModelSchemaVersion(version: number): void;
    addMetaGraphs(graph: Message): void;
  };
}

const protocol = createRequire(import.meta.url)('@tensorflow/tfjs-node-gpu/dist/proto/api_pb.js') as Protocol;

const shapeMessage = (shape: readonly number[]): Message => {
  const message = new protocol.TensorShape();
  for (const size of shape) {
    const dimension = new protocol.TensorShape.Dim();
    dimension.setSize(size);
    message.addDim(dimension);
  }
  return message;
};

type HostValues = Float32Array | Int32Array | Uint8Array;

const attributeMessage = ({ name, type, value }: Attribute): AttrValue => {
  const message = new protocol.AttrValue();
  if (Array.isArray(value)) {
    const list = new protocol.AttrValue.ListValue();
    if (type === attributeType.int) list.setIList(value as number[]);
    else if (type === attributeType.float) list.setFList(value as number[]);
    else if (type === attributeType.bool) list.setBList(value as boolean[]);
    else if (type === attributeType.shape) {
      message.setShape(shapeMessage(value as number[]));
      return message;
    } else throw new Error(`graph: attribute ${name} is a list of a type (${type}) that is not known here`);
    message.setList(list);
  } else if (type === attributeType.string) message.setS(new TextEncoder().encode(value as string));
  else if (type === attributeType.int) message.setI(value as number);
  else if (type === attributeType.float) message.setF(value as number);
  else if (type === attributeType.bool) message.setB(value as boolean);
  else if (type === attributeType.type) message.setType(value as number);
  else throw new Error(`graph: attribute ${name} has a type (${type}) that is not known here`);
  return message;
};

/** A graph that is being written. An output is named 'node' (its first) or 'node:2'; a control input '^node'. */
export interface GraphWriter {
  /** Adds a node and returns its name, which begins with `scope`. */
  node(scope: string, operation: string, attributes: readonly Attribute[], inputs: readonly string[]): string;
  placeholder(scope: string, dtype: DataType, shape: readonly number[]): string;
  constant(scope: string, dtype: DataType, shape: readonly number[], values: HostValues): string;
  /** A variable that lives in the session, under a name of its own. Returns the node of its handle. */
  variable(name: string, dtype: DataType, shape: readonly number[]): string;
  /** Hands the graph to TensorFlow; returns the id of the session. */
  load(): number;
  readonly size: number;
}

export const createGraph = (): GraphWriter => {
  const nodes: NodeDef[] = [];
  const constants = new Map<string, string>();

  const add = (
    scope: string,
    operation: string,
    attributes: readonly (readonly [string, AttrValue])[],
    inputs: readonly string[],
  ): string => {
    const node = new protocol.NodeDef();
    // TensorFlow takes letters, digits and a few signs.
    const name = `${scope.replace(/[^A-Za-z0-9._/-]/g, '_')}/n${nodes.length}_${operation.replace(/^_+/, '')}`;
    node.setName(name);
    node.setOp(operation);
    // Data inputs come first, control inputs last.
    node.setInputList([...inputs].sort((a, b) => Number(a.startsWith('^')) - Number(b.startsWith('^'))));
    const map = node.getAttrMap();
    for (const [key, value] of attributes) map.set(key, value);
    nodes.push(node);
    return name;
  };

  const typed = (name: string, dtype: DataType): [string, AttrValue] => [
    name,
    attributeMessage({ name, type: attributeType.type, value: dataType[dtype] }),
  ];
  const shaped = (shape: readonly number[]): [string, AttrValue] => {
    const value = new protocol.AttrValue();
    value.setShape(shapeMessage(shape));
    return ['shape', value];
  };

  const graph: GraphWriter = {
    node: (scope, operation, attributes, inputs) =>
      add(
        scope,
        operation,
        attributes.map((attribute) => [attribute.name, attributeMessage(attribute)] as const),
        inputs,
      ),
    placeholder: (scope, dtype, shape) => add(scope, 'Placeholder', [typed('dtype', dtype), shaped(shape)], []),
    constant(scope, dtype, shape, values) {
      // A tensor of one value is filled in when the graph runs: the file stays small.
      if (values.length > 16 && values.every((value) => Object.is(value, values[0]))) {
        const size = graph.constant(scope, 'int32', [shape.length], Int32Array.from(shape));
        const value = graph.constant(scope, dtype, [], values.slice(0, 1));
        return add(scope, 'Fill', [typed('T', dtype), typed('index_type', 'int32')], [size, value]);
      }
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const key = values.length <= 64 ? [scope, dtype, shape.join('x'), bytes.join()].join('|') : undefined;
      const known = key === undefined ? undefined : constants.get(key);
      if (known !== undefined) return known;
      const tensor = new protocol.Tensor();
      tensor.setDtype(dataType[dtype]);
      tensor.setTensorShape(shapeMessage(shape));
      tensor.setTensorContent(bytes.slice());
      const value = new protocol.AttrValue();
      value.setTensor(tensor);
      const name = add(scope, 'Const', [typed('dtype', dtype), ['value', value]], []);
      if (key !== undefined) constants.set(key, name);
      return name;
    },
    variable(name, dtype, shape) {
      const shared = new protocol.AttrValue();
      shared.setS(new TextEncoder().encode(name));
      return add('variables', 'VarHandleOp', [typed('dtype', dtype), shaped(shape), ['shared_name', shared]], []);
    },
    load() {
      const definition = new protocol.GraphDef();
      definition.setNodeList(nodes);
      const version = new protocol.VersionDef();
      version.setProducer(1087);
      definition.setVersions(version);
      const information = new protocol.MetaGraphDef.MetaInfoDef();
      information.addTags('serve');
      const meta = new protocol.MetaGraphDef();
      meta.setMetaInfoDef(information);
      meta.setGraphDef(definition);
      const model = new protocol.SavedModel();
      model.setSavedModelSchemaVersion(1);
      model.addMetaGraphs(meta);
      // TensorFlow reads a saved model from a folder; once it is loaded the folder is no longer needed.
      const folder = mkdtempSync(join(tmpdir(), 'ciard-graph-'));
      try {
        writeFileSync(join(folder, 'saved_model.pb'), model.serializeBinary());
        return tensorflow().binding.loadSavedModel(folder, 'serve,');
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    get size() {
      return nodes.length;
    },
  };
  return graph;
};
