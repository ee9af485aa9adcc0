"""A device that is a GPU to torch and to this code, and computes on the CPU: it shows where a host would wait for it.

Its tensors hold CPU tensors, so that values, branches on them and results are true. An operation on tensors of both
devices raises MixedDevices. What goes from one device to the other is recorded with the line of this project behind it.
The device is registered for the whole process and cannot be taken back: use it in a process of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

aten: Any = torch.ops.aten
NAME = "fake"
ROOT = Path(__file__).parents[2]
COPIES = (aten._to_copy.default, aten.copy_.default, aten._foreach_copy_.default)
# operations whose result has a size, or is a Python value, that the host must wait for
WAITS = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "unique_dim", "_unique", "_unique2", "bincount")
INDEXED = ("index", "index_put", "index_put_")
LIBRARIES: list[torch.library.Library] = []  # their operations are gone when they are


class MixedDevices(RuntimeError):
    """An operation has tensors of two devices, or a random generator of another device than its result."""


class Crossing(NamedTuple):
    """Something that went from one device to the other: an upload to the device, or a read by the host."""

    function: str  # of this project, the innermost on the stack, such as trainers.recording.Log.gathered
    kind: str  # upload or read
    line: str  # file:line: operation


class DeviceTensor(Tensor):
    """A tensor of the device."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def __new__(cls, held: Tensor) -> DeviceTensor:
        tensor = Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype,
            device=torch.device(NAME, 0),
        )  # fmt: skip
        tensor.held = held
        return tensor

    def __repr__(self, **_: Any) -> str:  # type: ignore[override]
        return f"DeviceTensor({self.held})"

    def tolist(self) -> Any:
        return self.cpu().tolist()

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return FakeDevice.current.run(op, args, kwargs or {})


class DeviceGenerator(torch.Generator):
    """A generator that draws what one on the CPU would, for the device that it names."""

    made: ClassVar[dict[int, DeviceGenerator]] = {}  # by address, as operations get another object of the same one

    def __new__(cls, device: Any = "cpu") -> DeviceGenerator:
        return super().__new__(cls)  # on the CPU, which draws

    def __init__(self, device: Any = "cpu") -> None:
        self.serves = torch.device(device).type
        self.made[self._cdata] = self  # type: ignore[attr-defined]


class FakeDevice(TorchDispatchMode):
    """The device, while it is on."""

    current: ClassVar[FakeDevice]

    def __init__(self) -> None:
        super().__init__()
        FakeDevice.current = self
        self.phases: list[tuple[str, list[Crossing]]] = []  # of a training, by name, with what crossed in each
        self.enter("")

    def enter(self, phase: str) -> None:
        """Begin a phase of a training."""
        self.phases.append((phase, []))

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return self.run(op, args, kwargs or {})

    def run(self, op: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Compute an operation on what the tensors hold; check devices, and record what crosses between them."""
        tensors = list(_tensors((*args, *kwargs.values())))
        ours = any(isinstance(tensor, DeviceTensor) for tensor in tensors)
        device = kwargs.get("device")
        made = torch.device(device).type == NAME if device is not None else ours
        if op in COPIES:
            self._record_copy(op, tensors, made)
        elif ours or made:
            self._check(op, args, kwargs, tensors)
        inside = {name: _mapped(_held, value) for name, value in kwargs.items()}
        if device is not None and made:
            inside["device"] = torch.device("cpu")
        result = op(*_mapped(_held, args), **inside)
        if not (made if op is aten._to_copy.default else ours or made):
            return result
        wrapped = _mapped(lambda value: DeviceTensor(value) if isinstance(value, Tensor) else value, result)
        return return_and_correct_aliasing(op, args, kwargs, wrapped)

    def _record_copy(self, op: Any, tensors: list[Tensor], made: bool) -> None:
        if op is aten._to_copy.default:
            targets, sources = [made], tensors
        else:
            half = len(tensors) // 2
            targets, sources = [isinstance(tensor, DeviceTensor) for tensor in tensors[:half]], tensors[half:]
        for target, source in zip(targets, sources, strict=True):
            if target != isinstance(source, DeviceTensor):
                self._record("upload" if target else "read", op)

    def _check(self, op: Any, args: Any, kwargs: dict[str, Any], tensors: list[Tensor]) -> None:
        name = op._schema.name.removeprefix("aten::")
        others = [tensor for tensor in tensors if not isinstance(tensor, DeviceTensor)]
        if name in INDEXED:
            indices = [index for index in args[1] if index is not None]
            if any(index.dtype in (torch.bool, torch.uint8) for index in indices):
                self._record("read", op)
            if any(any(other is index for index in indices) for other in others):  # torch sends them along
                self._record("upload", op)
                others = [other for other in others if all(other is not index for index in indices)]
        if name in (*INDEXED, "where") and others and all(other.dim() == 0 for other in others):
            self._record("upload", op)  # a number on the host: other operations take such a number as an argument
        if name in WAITS:
            self._record("read", op)
        if any(other.dim() for other in others):
            raise MixedDevices(f"{op} at {_line(_frame())}: {', '.join(str(tensor.device) for tensor in tensors)}")
        generator = kwargs.get("generator")
        if generator is not None and getattr(DeviceGenerator.made.get(generator._cdata), "serves", "cpu") != NAME:
            raise MixedDevices(f"{op} at {_line(_frame())}: a generator of the CPU")

    def _record(self, kind: str, op: Any) -> None:
        frame = _frame()
        module = frame.f_globals["__name__"]
        function = f"{module}.{frame.f_code.co_qualname}".partition(".<locals>")[0]
        self.phases[-1][1].append(Crossing(function, kind, f"{_line(frame)}: {op}"))


class _Module(_DummyBackendModule):
    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16]


def _register_autocast() -> None:
    """Let autocast round what convolutions and linear layers take, as it does on a CPU and on a GPU."""
    fallback = torch.library.Library("_", "IMPL", "AutocastPrivateUse1")
    fallback.fallback(torch.library.fallthrough_kernel)
    key = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)  # type: ignore[attr-defined]
    rounding = torch.library.Library("aten", "IMPL", "AutocastPrivateUse1")

    def round_then(op: Any) -> Any:
        def run(*args: Any) -> Any:
            with torch._C._ExcludeDispatchKeyGuard(key):
                return op(*(value.to(torch.bfloat16) if isinstance(value, Tensor) else value for value in args))

        return run

    for name in ("conv2d", "linear"):
        rounding.impl(name, round_then(getattr(aten, name)))
    LIBRARIES.extend([fallback, rounding])


def _tensors(values: Iterable[Any]) -> Iterator[Tensor]:
    """Yield the tensors of an operation's arguments, which are values or lists of values."""
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, list | tuple):
            yield from _tensors(value)


def _mapped(change: Callable[[Any], Any], value: Any) -> Any:
    return type(value)(_mapped(change, each) for each in value) if isinstance(value, list | tuple) else change(value)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, DeviceTensor) else value


def _frame() -> Any:
    """Return the innermost frame of this project, other than those of this file."""
    frame = outermost = sys._getframe(1)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT) and path != Path(__file__):
            return frame
        outermost, frame = frame, frame.f_back  # type: ignore[assignment]
    return outermost


def _line(frame: Any) -> str:
    path = Path(frame.f_code.co_filename)
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path}:{frame.f_lineno}"


def register(modules: Iterable[Any]) -> None:
    """Register the device with torch for the rest of the process, and its generators with `modules`."""
    _setup_privateuseone_for_python_backend(NAME, backend_module=_Module())
    _register_autocast()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    torch.autograd.set_multithreading_enabled(False)  # the thread of a device would not know the mode
    for module in modules:
        with suppress(AttributeError):
            module.Generator  # noqa: B018
            module.Generator = DeviceGenerator
    tensor = torch.tensor

    def make_tensor(data: Any, *, device: Any = None, **options: Any) -> Tensor:
        made = tensor(data, **options)
        return made if device is None else made.to(device)

    def make_new(like: Tensor, data: Any, **options: Any) -> Tensor:
        return make_tensor(data, **{"dtype": like.dtype, "device": like.device} | options)

    torch.tensor, Tensor.new_tensor = make_tensor, make_new  # type: ignore[assignment,method-assign]
