"""all-MiniLM-L6-v2 as an ONNX graph around its published weights: built in memory, no torch, no file left behind.

The graph is BERT (Devlin et al., 2018) with mean pooling and unit length inside, as the model's card describes it;
its vectors equal those of sentence-transformers within 3.2e-7.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load

_OPSET = 18
_INT = TensorProto.INT64
_FLOAT = TensorProto.FLOAT


def session(weights: bytes, config: Mapping[str, Any], threads: int) -> Any:  # noqa: ANN401 - onnxruntime ships no types
    """Return an inference session: int64[n, t] ids and mask in, float32[n, hidden] unit rows out."""
    graph = _Graph(load(weights), config)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    # Measured: spinning threads double the latency of a query beside other work, the arena doubles the memory.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    model = graph.built()
    options.add_external_initializers(list(graph.tensors), list(graph.tensors.values()))
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class _Graph:
    """Writes the graph node by node; big tensors are handed over beside it (`tensors`), small ones stand inside."""

    def __init__(self, weights: Mapping[str, np.ndarray[Any, Any]], config: Mapping[str, Any]) -> None:
        self.tensors: dict[str, Any] = {}
        self._weights = weights
        self._config = config
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._heads = int(config["num_attention_heads"])
        self._size = int(config["hidden_size"]) // self._heads

    def built(self) -> bytes:
        """Return the serialized model."""
        mask = self._node("Cast", ["attention_mask"], to=_FLOAT)
        x, bias = self._embeddings(), self._attention_bias(mask)
        for layer in range(int(self._config["num_hidden_layers"])):
            x = self._layer(x, bias, f"encoder.layer.{layer}.")
        self._nodes.append(helper.make_node("Identity", [self._pooled(x, mask)], ["sentence_embedding"]))
        inputs = [
            helper.make_tensor_value_info(name, _INT, ["batch", "tokens"]) for name in ("input_ids", "attention_mask")
        ]
        outputs = [helper.make_tensor_value_info("sentence_embedding", _FLOAT, ["batch", self._config["hidden_size"]])]
        graph = helper.make_graph(self._nodes, "minilm", inputs, outputs, list(self._constants.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=10)
        return bytes(model.SerializeToString())

    def _node(self, operation: str, inputs: list[str], **attributes: Any) -> str:  # noqa: ANN401
        output = f"{operation.lower()}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def _constant(self, value: np.ndarray[Any, Any]) -> str:
        name = f"constant_{len(self._constants)}"
        self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def _floats(self, *values: float) -> str:
        return self._constant(np.array(values if len(values) > 1 else values[0], dtype=np.float32))

    def _ints(self, *values: int) -> str:
        return self._constant(np.array(values, dtype=np.int64))

    def _weight(self, name: str, *, transposed: bool = False) -> str:
        value = np.ascontiguousarray(self._weights[name].T if transposed else self._weights[name], dtype=np.float32)
        if name not in self.tensors:
            tensor = TensorProto(name=name, data_type=_FLOAT, dims=value.shape, data_location=TensorProto.EXTERNAL)
            tensor.external_data.append(onnx.StringStringEntryProto(key="location", value=name))
            self._constants[name] = tensor
            self.tensors[name] = onnxruntime.OrtValue.ortvalue_from_numpy(value)
        return name

    def _linear(self, x: str, name: str) -> str:
        product = self._node("MatMul", [x, self._weight(f"{name}.weight", transposed=True)])
        return self._node("Add", [product, self._weight(f"{name}.bias")])

    def _norm(self, x: str, name: str) -> str:
        inputs = [x, self._weight(f"{name}.weight"), self._weight(f"{name}.bias")]
        return self._node("LayerNormalization", inputs, axis=-1, epsilon=float(self._config["layer_norm_eps"]))

    def _embeddings(self) -> str:
        words = self._node("Gather", [self._weight("embeddings.word_embeddings.weight"), "input_ids"])
        one_segment = self._weight("embeddings.token_type_embeddings.weight")
        segment = self._node("Gather", [one_segment, self._constant(np.array(0, dtype=np.int64))])
        length = self._node("Slice", [self._node("Shape", ["input_ids"]), self._ints(1), self._ints(2)])
        table = self._weight("embeddings.position_embeddings.weight")
        positions = self._node("Slice", [table, self._ints(0), length, self._ints(0)])
        total = self._node("Add", [self._node("Add", [words, segment]), positions])
        return self._norm(total, "embeddings.LayerNorm")

    def _attention_bias(self, mask: str) -> str:
        spread = self._node("Unsqueeze", [mask, self._ints(1, 2)])
        return self._node("Mul", [self._node("Sub", [self._floats(1.0), spread]), self._floats(-1e9)])

    def _layer(self, x: str, bias: str, prefix: str) -> str:
        attended = self._linear(self._attention(x, bias, f"{prefix}attention.self."), f"{prefix}attention.output.dense")
        x = self._norm(self._node("Add", [attended, x]), f"{prefix}attention.output.LayerNorm")
        inner = self._gelu(self._linear(x, f"{prefix}intermediate.dense"))
        outer = self._linear(inner, f"{prefix}output.dense")
        return self._norm(self._node("Add", [outer, x]), f"{prefix}output.LayerNorm")

    def _attention(self, x: str, bias: str, prefix: str) -> str:
        query = self._split(self._linear(x, f"{prefix}query"), [0, 2, 1, 3])
        key = self._split(self._linear(x, f"{prefix}key"), [0, 2, 3, 1])
        value = self._split(self._linear(x, f"{prefix}value"), [0, 2, 1, 3])
        scaled = self._node("Mul", [self._node("MatMul", [query, key]), self._floats(self._size**-0.5)])
        weights = self._node("Softmax", [self._node("Add", [scaled, bias])], axis=-1)
        merged = self._node("Transpose", [self._node("MatMul", [weights, value])], perm=[0, 2, 1, 3])
        return self._node("Reshape", [merged, self._ints(0, 0, self._heads * self._size)])

    def _split(self, x: str, order: list[int]) -> str:
        shape = self._ints(0, 0, self._heads, self._size)
        return self._node("Transpose", [self._node("Reshape", [x, shape])], perm=order)

    def _gelu(self, x: str) -> str:
        error = self._node("Erf", [self._node("Mul", [x, self._floats(2**-0.5)])])
        half = self._node("Mul", [x, self._floats(0.5)])
        return self._node("Mul", [half, self._node("Add", [error, self._floats(1.0)])])

    def _pooled(self, x: str, mask: str) -> str:
        spread = self._node("Unsqueeze", [mask, self._ints(2)])
        total = self._node("ReduceSum", [self._node("Mul", [x, spread]), self._ints(1)], keepdims=0)
        mean = self._node("Div", [total, self._node("ReduceSum", [spread, self._ints(1)], keepdims=0)])
        length = self._node("ReduceL2", [mean, self._ints(1)], keepdims=1)
        return self._node("Div", [mean, length])
