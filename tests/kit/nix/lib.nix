# As much of nixpkgs' `lib` as nix/covey.nix uses, by the same names and rules: options and their types, definitions with
# conditions, merges and priorities, submodules with a freeform rest. nixpkgs itself is not to be had in the tests.
let
  inherit (builtins)
    all
    attrNames
    attrValues
    concatLists
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isString
    listToAttrs
    mapAttrs
    removeAttrs
    ;

  shown = concatStringsSep ".";
  unique = foldl' (known: name: if elem name known then known else known ++ [ name ]) [ ];
  genAttrs = names: make: listToAttrs (map (name: { inherit name; value = make name; }) names);
  isOption = value: isAttrs value && value._type or "" == "option";

  # Conditions and merges taken apart: a list of { value, priority }, lower counts more.
  discharge =
    definition:
    let
      kind = if isAttrs definition then definition._type or "" else "";
    in
    if kind == "if" then
      if definition.condition then discharge definition.content else [ ]
    else if kind == "merge" then
      concatMap discharge definition.contents
    else if kind == "override" then
      map (one: one // { inherit (definition) priority; }) (discharge definition.content)
    else
      [ { value = definition; priority = 100; } ];

  # The same for a tree of options, whose names must not depend on its conditions: these move down to each of its values.
  pushDown =
    definition:
    let
      kind = if isAttrs definition then definition._type or "" else "";
      onEach = wrap: map (mapAttrs (_: content: definition // { inherit content; })) wrap;
    in
    if kind == "merge" then
      concatMap pushDown definition.contents
    else if kind == "if" || kind == "override" then
      onEach (pushDown definition.content)
    else
      [ definition ];

  below = name: definitions: map (definition: definition.${name}) (filter (definition: definition ? ${name}) definitions);

  # What the definitions make of a tree of options; `freeform` takes what is not declared.
  evalTree =
    path: options: freeform: unpushed:
    let
      definitions = concatMap pushDown unpushed;
      names = unique (concatMap attrNames definitions);
      foreign = filter (name: !(options ? ${name})) names;
      declared = mapAttrs (
        name: option:
        (if isOption option then evalOption (path ++ [ name ]) option else evalTree (path ++ [ name ]) option freeform) (below name definitions)
      ) options;
      rest = name: types.anything.merge (path ++ [ name ]) (map (one: one.value) (concatMap discharge (below name definitions)));
    in
    if foreign != [ ] && freeform == null then
      throw "The option `${shown (path ++ [ (head foreign) ])}' does not exist."
    else
      declared // genAttrs foreign rest;

  evalOption =
    path: option: undischarged:
    let
      definitions = concatMap discharge undischarged;
      priority = foldl' (least: one: if one.priority < least then one.priority else least) 1500 definitions;
      values = map (one: one.value) (filter (one: one.priority == priority) definitions);
      wrong = filter (value: !option.type.check value) values;
    in
    if wrong != [ ] then
      throw "A definition for option `${shown path}' is not of type `${option.type.name}'."
    else if values != [ ] then
      option.type.merge path values
    else if option ? default then
      option.type.merge path [ option.default ]
    else
      throw "The option `${shown path}' was accessed but has no value defined.";

  agreed =
    path: values:
    if all (value: value == head values) values then head values else throw "The option `${shown path}' has conflicting definition values.";

  simple = name: check: { inherit name check; merge = agreed; };
  isPackage = value: isAttrs value && value ? outPath;

  types = {
    bool = simple "boolean" isBool;
    str = simple "string" isString;
    port = simple "16 bit unsigned integer" (value: isInt value && value >= 0 && value <= 65535);
    package = simple "package" isPackage;
    ints = {
      unsigned = simple "unsigned integer" (value: isInt value && value >= 0);
      positive = simple "positive integer" (value: isInt value && value > 0);
      between = least: most: simple "integer between ${toString least} and ${toString most}" (value: isInt value && value >= least && value <= most);
    };
    nullOr = inner: {
      name = "null or ${inner.name}";
      check = value: value == null || inner.check value;
      merge = path: values: if all (value: value == null) values then null else inner.merge path values;
    };
    listOf = inner: {
      name = "list of ${inner.name}";
      check = value: isList value && all inner.check value;
      merge = _: concatLists;
    };
    attrsOf = inner: {
      name = "attribute set of ${inner.name}";
      check = value: isAttrs value && all inner.check (attrValues value);
      merge =
        path: values:
        genAttrs (unique (concatMap attrNames values)) (
          name: inner.merge (path ++ [ name ]) (map (value: value.${name}) (filter (value: value ? ${name}) values))
        );
    };
    submodule = { options, freeformType ? null }: {
      name = "submodule";
      check = isAttrs;
      merge = path: evalTree path options freeformType;
    };
    anything = {
      name = "anything";
      check = _: true;
      merge =
        path: values:
        if all (value: isAttrs value && !isPackage value) values then
          (types.attrsOf types.anything).merge path values
        else if all isList values then
          concatLists values
        else
          agreed path values;
    };
  };

  lib = {
    inherit types;
    mkOption = option: option // { _type = "option"; };
    mkEnableOption = what: lib.mkOption { type = types.bool; default = false; description = "Whether to enable ${what}."; };
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkDefault = content: { _type = "override"; priority = 1000; inherit content; };
    mkForce = content: { _type = "override"; priority = 50; inherit content; };
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    filterAttrs = keep: set: removeAttrs set (filter (name: !(keep name set.${name})) (attrNames set));

    # `config` of these modules, functions of { config, lib, pkgs } or sets, together.
    evalConfig =
      { modules, pkgs }:
      let
        called = map (module: if isFunction module then module { inherit config lib pkgs; } else module) modules;
        isFull = module: module ? options || module ? config;
        options = foldl' (sum: module: mergeOptions sum (module.options or { })) { } called;
        definitions = map (module: if isFull module then module.config or { } else module) called;
        config = evalTree [ ] options null definitions;
      in
      config;
  };

  mergeOptions =
    left: right:
    left
    // mapAttrs (name: value: if left ? ${name} && !isOption value then mergeOptions left.${name} value else value) right;
in
lib
