"""Twelve shapes in which Python objects keep each other alive; each function leaves one."""
import functools
import gc
import weakref

gc.disable()


class Node:
    pass


class Button:
    def __init__(self):
        self.handler = self.clicked

    def clicked(self):
        pass


class Parent:
    def __init__(self):
        self.children = []

    def add(self):
        child = Node()
        child.parent = self
        self.children.append(child)


def self_list():
    knot = []
    knot.append(knot)


def two_dicts():
    left = {}
    right = {"left": left}
    left["right"] = right


def bound_method():
    button = Button()
    button.label = "ok"


def closure_over_itself():
    def countdown(n):
        return countdown(n - 1) if n else 0
    countdown(2)


def exception_with_its_frame():
    try:
        raise ValueError("kept")
    except ValueError as error:
        kept = error


def generator_holding_itself():
    def numbers():
        me = yield
        yield me
    stream = numbers()
    next(stream)
    stream.send(stream)


def parent_and_children():
    parent = Parent()
    for _ in range(3):
        parent.add()


def class_and_its_instance():
    class Registry:
        pass
    Registry.default = Registry()


def partial():
    box = Node()
    box.call = functools.partial(print, box)


def weakref_callback():
    target = Node()
    watcher = Node()
    watcher.ref = weakref.ref(target, watcher.__dict__.get)
    watcher.target = target
    watcher.again = watcher


def nested_function_default():
    holder = Node()

    def hook(owner=holder):
        return owner
    holder.hook = hook


def long_tail():
    head = Node()
    head.me = head
    head.tail = [[index, str(index) * 5] for index in range(100)]


for shape in (self_list, two_dicts, bound_method, closure_over_itself,
              exception_with_its_frame, generator_holding_itself, parent_and_children,
              class_and_its_instance, partial, weakref_callback,
              nested_function_default, long_tail):
    shape()
