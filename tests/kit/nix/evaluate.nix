# What nix/covey.nix makes of a configuration, as JSON: { services, firewall, files, failed }.
{ configuration }:
let
  lib = import ./lib.nix;
  inherit (lib) mkOption types;
  package = name: { outPath = "/nix/store/00000000000000000000000000000000-${name}"; };
  pkgs = {
    covey = package "covey";
    bash = package "bash";
    coreutils = package "coreutils";
    git = package "git";
    nix = package "nix";
    systemd = package "systemd";
    bubblewrap = package "bubblewrap";
    gnumake = package "gnumake";
    formats.toml = _: {
      type = types.anything;
      generate = name: value: package name // { inherit value; };
    };
  };
  option = type: default: mkOption { inherit type default; };
  # The options of NixOS that the module sets.
  nixos.options = {
    assertions = option (types.listOf types.anything) [ ];
    environment.etc = option (types.attrsOf types.anything) { };
    networking.firewall.allowedTCPPorts = option (types.listOf types.port) [ ];
    systemd.services = option (types.attrsOf types.anything) { };
  };
  config = lib.evalConfig {
    inherit pkgs;
    modules = [
      nixos
      (import ../../../nix/covey.nix)
      (import configuration)
    ];
  };
in
{
  services = builtins.mapAttrs (_: service: service // { path = map toString service.path; restartTriggers = map toString service.restartTriggers; }) config.systemd.services;
  firewall = config.networking.firewall.allowedTCPPorts;
  files = builtins.mapAttrs (_: file: { stored = toString file.source; inherit (file.source) value; }) config.environment.etc;
  failed = map (one: one.message) (builtins.filter (one: !one.assertion) config.assertions);
}
