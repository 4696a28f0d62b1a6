# NixOS module: `imports = [ covey/nix/covey.nix ];`, then services.covey-coordinator and services.covey-worker.
# Described in docs/build-agent.md. What it makes is tested by tests/units/nixos-module.test.ts.
{ config, lib, pkgs, ... }:
let
  inherit (lib)
    mkEnableOption
    mkIf
    mkMerge
    mkOption
    optional
    optionals
    types
    ;

  coordinator = config.services.covey-coordinator;
  worker = config.services.covey-worker;
  toml = pkgs.formats.toml { };

  # TOML knows no null: what is not set is not written.
  written =
    value:
    if builtins.isAttrs value then
      builtins.mapAttrs (_: written) (lib.filterAttrs (_: inner: inner != null) value)
    else
      value;

  maybe =
    type: description:
    mkOption {
      type = types.nullOr type;
      default = null;
      inherit description;
    };
  duration = maybe types.str;

  package = mkOption {
    type = types.package;
    description = "The package that has bin/covey.";
  };

  # Of both units; packages/covey/units says why each line is there, and a test holds the two together.
  hardening = {
    DynamicUser = true;
    StateDirectoryMode = "0700";
    UMask = "0077";
    NoNewPrivileges = true;
    CapabilityBoundingSet = "";
    AmbientCapabilities = "";
    ProtectSystem = "strict";
    ProtectHome = true;
    ProtectClock = true;
    ProtectHostname = true;
    ProtectKernelLogs = true;
    ProtectKernelModules = true;
    ProtectKernelTunables = true;
    PrivateTmp = true;
    PrivateDevices = true;
    RestrictRealtime = true;
    RestrictSUIDSGID = true;
    RestrictAddressFamilies = "AF_UNIX AF_INET AF_INET6 AF_NETLINK";
    LockPersonality = true;
    SystemCallArchitectures = "native";
    SystemCallFilter = "@system-service @mount";
    SystemCallErrorNumber = "EPERM";
  };

  supervision = {
    Type = "notify";
    NotifyAccess = "all";
    WatchdogSec = 60;
    Restart = "on-failure";
    RestartSec = 2;
    KillMode = "mixed";
    OOMPolicy = "continue";
  };

  # What every job and Covey itself call by name; systemd-notify is in systemd.
  programs = [
    pkgs.bash
    pkgs.coreutils
    pkgs.git
    pkgs.nix
    pkgs.systemd
    pkgs.bubblewrap
  ];

  network = {
    wantedBy = [ "multi-user.target" ];
    wants = [ "network-online.target" ];
    after = [ "network-online.target" ];
  };
in
{
  options.services.covey-coordinator = {
    enable = mkEnableOption "the coordinator of a Covey fleet";
    inherit package;
    drainSeconds = mkOption {
      type = types.ints.unsigned;
      default = 300;
      description = "How long jobs of the coordinator's own worker may go on when the unit is stopped.";
    };
    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Opens the coordinator's port and that of the build pool, never that of git daemon, which asks for no token.";
    };
    settings = mkOption {
      default = { };
      description = "/etc/covey/config.toml. `covey config show` lists every key.";
      type = types.submodule {
        freeformType = toml.type;
        options = {
          coordinator.port = mkOption {
            type = types.port;
            default = 8000;
            description = "Where clients and workers reach it.";
          };
          build_pool = {
            enabled = mkOption {
              type = types.bool;
              default = false;
              description = "A listener for workers alone, which serves nothing but /ws.";
            };
            port = mkOption {
              type = types.port;
              default = 8080;
              description = "Of that listener.";
            };
            listen = maybe (types.listOf types.str) "Addresses of that listener besides loopback.";
            git_daemon = {
              enabled = mkOption {
                type = types.bool;
                default = false;
                description = "Serves repositories read-only to whoever reaches its port.";
              };
              port = mkOption {
                type = types.port;
                default = 9418;
                description = "Of git daemon.";
              };
              listen = maybe (types.listOf types.str) "Addresses of git daemon besides loopback.";
              repositories = mkOption {
                type = types.listOf types.str;
                default = [ ];
                description = "All that it serves: absolute paths, or namespace/id of snapshots.";
              };
            };
            local_fallback = {
              enabled = maybe types.bool "Whether the coordinator's own worker takes jobs.";
              slots = maybe types.ints.unsigned "How many of them at once.";
              after = duration "How long a task waits for another worker first.";
            };
            timeouts = {
              lease = duration "Without a word of its worker, a job is tried elsewhere after so long.";
              sync = duration "How often workers report.";
              ping = duration "How often links are tried.";
              pong = duration "How soon a try must be answered.";
              job = duration "Of a job that names none.";
              environment = duration "The longest that the set-up of an environment may take here.";
            };
          };
        };
      };
    };
  };

  options.services.covey-worker = {
    enable = mkEnableOption "a Covey worker, as a build agent";
    inherit package;
    joinTokenFile = maybe types.str ''
      A file outside of the store with a join token (covey token create join). systemd hands it to the service.
      Once the agent has joined it may be emptied, but has to be there.
    '';
    extraPackages = mkOption {
      type = types.listOf types.package;
      default = [ ];
      description = "What jobs find on their PATH besides bash, coreutils, git and nix.";
    };
    drainSeconds = mkOption {
      type = types.ints.unsigned;
      default = 600;
      description = "How long jobs may go on when the unit is stopped.";
    };
    settings = mkOption {
      default = { };
      description = "/etc/build-agent/config.toml; docs/build-agent.md describes every key.";
      type = types.submodule {
        freeformType = toml.type;
        options = {
          serverUrl = mkOption {
            type = types.str;
            example = "ws://builder:8080";
            description = "The coordinator.";
          };
          name = maybe types.str "Default: the machine's name.";
          maxJobs = maybe types.ints.positive "Jobs at once. Default: half the cores.";
          tags = mkOption {
            type = types.attrsOf types.str;
            default = { };
            description = "What runs can ask for.";
          };
          isolation = mkOption {
            type = types.ints.between 0 3;
            default = 0;
            description = "What every job gets at least; 2 confines it with bubblewrap.";
          };
          gitCacheDir = mkOption {
            type = types.str;
            default = "/var/cache/covey-worker/git";
            description = "Objects of repositories.";
          };
          worktreeDir = mkOption {
            type = types.str;
            default = "/var/cache/covey-worker/worktrees";
            description = "Where jobs run.";
          };
          jobTimeout = duration "The longest that a job may run here.";
          environmentTimeout = duration "The longest that the set-up of an environment may take here.";
          gracePeriod = duration "The longest from TERM to KILL.";
          connectTimeout = duration "Of one try to reach the coordinator.";
          reconnectMin = duration "The first wait between two tries.";
          reconnectMax = duration "The longest wait between two tries.";
          pingInterval = duration "How often the link is tried.";
          pongTimeout = duration "How soon a try must be answered.";
        };
      };
    };
  };

  config = mkMerge [
    (mkIf coordinator.enable {
      assertions = [
        {
          assertion =
            !coordinator.settings.build_pool.git_daemon.enabled
            || coordinator.settings.build_pool.git_daemon.repositories != [ ];
          message = "services.covey-coordinator: build_pool.git_daemon serves only what its repositories name, and they name nothing.";
        }
        {
          assertion =
            coordinator.settings.build_pool.local_fallback.enabled != false
            || builtins.elem coordinator.settings.build_pool.local_fallback.slots [ null 0 ];
          message = "services.covey-coordinator: build_pool.local_fallback is disabled and has slots: keep one of the two.";
        }
      ];

      environment.etc."covey/config.toml".source = toml.generate "covey.toml" (written coordinator.settings);

      networking.firewall.allowedTCPPorts = optionals coordinator.openFirewall (
        [ coordinator.settings.coordinator.port ]
        ++ optional coordinator.settings.build_pool.enabled coordinator.settings.build_pool.port
      );

      systemd.services.covey-coordinator = network // {
        description = "Covey coordinator";
        path = programs;
        restartTriggers = [ config.environment.etc."covey/config.toml".source ];
        environment = {
          XDG_STATE_HOME = "/var/lib";
          XDG_CACHE_HOME = "/var/cache";
          HOME = "/var/lib/covey";
        };
        serviceConfig = hardening // supervision // {
          ExecStart = "${coordinator.package}/bin/covey up --drain-timeout ${toString coordinator.drainSeconds}s";
          RestartPreventExitStatus = "2 3";
          TimeoutStopSec = coordinator.drainSeconds + 60;
          StateDirectory = "covey";
          CacheDirectory = "covey";
          ProtectProc = "invisible";
          ProtectControlGroups = true;
          RestrictNamespaces = "user mnt pid ipc uts net";
          RemoveIPC = true;
        };
      };
    })

    (mkIf worker.enable {
      assertions = [
        {
          assertion = builtins.match "(ws|http)s?://[^/@]+(/|/ws/?)?" worker.settings.serverUrl != null;
          message = "services.covey-worker: settings.serverUrl ${builtins.toJSON worker.settings.serverUrl} is no coordinator's address; write it as in ws://host:8080.";
        }
        {
          assertion = worker.joinTokenFile == null || builtins.match "/.*" worker.joinTokenFile != null;
          message = "services.covey-worker: joinTokenFile is no absolute path.";
        }
        {
          assertion = worker.joinTokenFile == null || builtins.match "${builtins.storeDir}/.*" worker.joinTokenFile == null;
          message = "services.covey-worker: joinTokenFile is in the store, where everybody can read it.";
        }
        {
          assertion = !(worker.settings ? joinTokenFile);
          message = "services.covey-worker: set joinTokenFile beside settings, not in them, so that systemd hands it over.";
        }
        {
          assertion = !(worker.settings ? drainTimeout);
          message = "services.covey-worker: set drainSeconds, which the unit's time to stop follows, not settings.drainTimeout.";
        }
      ];

      environment.etc."build-agent/config.toml".source = toml.generate "build-agent.toml" (
        written worker.settings
        // {
          drainTimeout = "${toString worker.drainSeconds}s";
        }
        // (if worker.joinTokenFile == null then { } else { joinTokenFile = "%d/join-token"; })
      );

      systemd.services.covey-worker = network // {
        description = "Covey worker";
        path = programs ++ worker.extraPackages;
        restartTriggers = [ config.environment.etc."build-agent/config.toml".source ];
        environment = {
          XDG_STATE_HOME = "/var/lib/covey-worker";
          XDG_CACHE_HOME = "/var/cache/covey-worker";
          HOME = "/var/lib/covey-worker";
        };
        serviceConfig = hardening // supervision // {
          ExecStart = "${worker.package}/bin/covey worker start --config /etc/build-agent/config.toml";
          LoadCredential = optional (worker.joinTokenFile != null) "join-token:${worker.joinTokenFile}";
          RestartPreventExitStatus = "2 3 4";
          TimeoutStopSec = worker.drainSeconds + 60;
          StateDirectory = "covey-worker";
          CacheDirectory = "covey-worker";
          Delegate = true;
          TasksMax = "infinity";
          LimitNOFILE = 65536;
        };
      };
    })
  ];
}
